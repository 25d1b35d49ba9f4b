import { describe, expect, it, jest } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import { ManualLocks } from '../support/manual-locks.js';

function open(...[options, spoil]: Parameters<ManualLocks['open']>) {
  const process = new ManualLocks();
  return { process, clock: process.clock, locks: process.open(options, spoil), other: process.open() };
}

describe('using', () => {
  it('gives the work the lease, returns what it returns, and releases', async () => {
    const { locks, other } = open();
    const value = await locks.using('group:1', async (lease) => {
      expect(await other.isLocked('group:1')).toBe(true);
      return lease.name;
    });
    expect(value).toBe('group:1');
    expect(await other.isLocked('group:1')).toBe(false);
  });

  it('takes work that is not asynchronous, and work that throws before it returns a promise', async () => {
    const { locks, other } = open();
    expect(await locks.using('group:1', () => 5)).toBe(5);
    const failing = locks.using('group:1', () => {
      throw new Error('at once');
    });
    await expect(failing).rejects.toThrow('at once');
    expect(await other.isLocked('group:1')).toBe(false);
  });

  it('tells the work’s own error, untouched, even if the release fails too', async () => {
    const unavailable = () => Promise.reject(new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer'));
    const { locks } = open({}, () => ({ release: unavailable }));
    for (const [index, thrown] of [
      new Error('the group is full'),
      'a string',
      undefined,
      { code: 404 },
    ].entries()) {
      const caught = await locks
        .using(`group:${index}`, () => Promise.reject(thrown))
        .catch((error: unknown) => [error]);
      expect(caught).toEqual([thrown]);
    }
  });

  it('returns a result that was obtained in time although the release then fails, and tells of the failure', async () => {
    const error = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const { locks } = open({}, () => ({ release: () => Promise.reject(error) }));
    expect(await locks.using('group:1', () => 'booked', { label: 'book' })).toBe('booked');
    expect(locks.events).toContainEqual(
      expect.objectContaining({ event: 'releaseFailed', name: 'group:1', label: 'book', error }),
    );
  });

  it('attaches an error of the work to the loss that the listeners heard of', async () => {
    const { locks, clock } = open({ leaseMs: 1000, renew: false });
    const business = new Error('the group is full');
    const worked = locks.using('group:1', async () => {
      await clock.advanceAsync(2000);
      throw business;
    });
    await expect(worked).rejects.toBe(business);
    expect(locks.events.find(({ event }) => event === 'lost')).toMatchObject({
      error: { code: 'LOCK_LOST', reason: business },
    });
  });

  it('tryUsing tells «ran and returned nothing» from «did not run»', async () => {
    const { locks, other } = open();
    expect(await locks.tryUsing('group:1', () => undefined)).toEqual({ acquired: true, value: undefined });
    await other.acquire('group:1');
    expect(await locks.tryUsing('group:1', () => undefined)).toEqual({ acquired: false });
  });
});

describe('the same call chain', () => {
  it('enters a lock again that it is inside of, also through other calls, and acquires it afresh once the lease has ended', async () => {
    const { locks } = open();
    const nested = () => locks.tryAcquire('group:1');
    await locks.using('group:1', (lease) =>
      locks.using('group:2', async () => {
        const again = await nested();
        expect(again?.fencingToken).toBe(lease.fencingToken);
        await again?.release();
        await lease.release();
        const afresh = await nested();
        expect(afresh?.fencingToken).toBeGreaterThan(lease.fencingToken);
        await afresh?.release();
      }),
    );
  });

  it('that only acquired is not inside: it waits like everybody else', async () => {
    const { locks, clock } = open();
    await locks.acquire('group:1');
    const second = locks.acquire('group:1', { waitMs: 100 }).catch((error: { code: string }) => error.code);
    await clock.advanceAsync(100);
    expect(await second).toBe('LOCK_BUSY');
  });

  it('a listener that is called inside of it is not part of it: the lock is busy for it, not its own', async () => {
    const { locks } = open();
    const asked: Promise<unknown>[] = [];
    locks.on('acquired', ({ name }) => {
      if (name === 'inner') asked.push(locks.tryAcquire('outer'));
    });
    await locks.using('outer', async () => {
      await locks.using('inner', () => 1);
      await expect(asked[0]).resolves.toBe(null);
    });
  });

  it('a listener of an event may take the lock itself', async () => {
    const { locks } = open();
    const taken: Promise<unknown>[] = [];
    locks.on(
      'released',
      () => taken.length === 0 && taken.push(locks.using('group:1', () => 'by the listener')),
    );
    await locks.using('group:1', () => 1);
    await expect(taken[0]).resolves.toBe('by the listener');
  });
});

describe('events', () => {
  it('tell the whole story of a lock, with label and fencing token, in order', async () => {
    const { locks, other, clock } = open();
    const holder = await other.acquire('group:1', { label: 'first' });
    const worked = locks.using('group:1', () => clock.advanceAsync(30), { label: 'second' });
    await clock.advanceAsync(20);
    await holder.release();
    await worked;
    const fencingToken = clock.wallMs() * 1000 - 30_000; // as it was granted, 30 ms ago
    const common = { name: 'group:1', label: 'second', mode: 'exclusive', fencingToken };
    expect(locks.events).toEqual([
      { event: 'waiting', name: 'group:1', label: 'second', mode: 'exclusive' },
      { event: 'acquired', ...common, waitedMs: 20 },
      { event: 'released', ...common, heldMs: 30 },
    ]);
  });

  it('«waiting» comes once for each caller that must wait, and not for one that need not', async () => {
    const { locks, other, clock } = open();
    const holder = await other.acquire('group:1');
    const calls = ['a', 'b', 'c'].map((label) => locks.using('group:1', () => 1, { label }));
    await clock.advanceAsync(10);
    await holder.release();
    await Promise.all(calls);
    const waited = locks.events.flatMap((event) => (event.event === 'waiting' ? [event.label] : []));
    expect(waited.toSorted()).toEqual(['a', 'b', 'c']);
    expect(other.events.map(({ event }) => event)).toEqual(['acquired', 'released']);
  });

  it('«waiting» comes once although the store says it again with every poll', async () => {
    const { locks, other, clock } = open({}, (store) => ({
      acquire: (request, signal) => {
        request.onWaiting?.({ retryAfterMs: 5 });
        return store.acquire(request, signal);
      },
    }));
    const holder = await other.acquire('group:1');
    const waiting = locks.acquire('group:1');
    await clock.advanceAsync(10);
    await holder.release();
    await waiting;
    expect(locks.events.map(({ event }) => event)).toEqual(['waiting', 'acquired']);
  });

  it('a listener can be taken off again', async () => {
    const { locks } = open();
    const listener = jest.fn();
    locks.on('acquired', listener)();
    await locks.acquire('group:1');
    expect(listener).not.toHaveBeenCalled();
  });
});

describe('what is held', () => {
  it('here: oldest first, without what ended', async () => {
    const { locks, clock } = open({ label: 'app' });
    const [a, b] = [await locks.acquire('a'), await locks.acquire('b', { leaseMs: 100, renew: false })];
    const c = await locks.acquire('c');
    await a.release();
    await clock.advanceAsync(200);
    expect(b.state).toBe('lost');
    const { fencingToken, acquiredAt } = c;
    expect(locks.held()).toEqual([
      {
        name: 'c',
        label: 'app',
        mode: 'exclusive',
        fencingToken,
        state: 'held',
        acquiredAt,
        remainingMs: c.remainingMs(),
      },
    ]);
  });

  it('anywhere: by whom, since when, and who waits here and elsewhere', async () => {
    const { locks, other, clock } = open();
    const lease = await other.acquire('group:1', { label: 'join' });
    void locks.acquire('group:1').catch(() => undefined);
    void locks.acquire('group:1').catch(() => undefined);
    await clock.advanceAsync(10);
    expect(await locks.inspect('group:1')).toEqual({
      name: 'group:1',
      held: true,
      heldSince: lease.acquiredAt,
      remainingMs: 29_990,
      fencingToken: lease.fencingToken,
      label: 'join',
      mode: 'exclusive',
      holders: [
        {
          label: 'join',
          mode: 'exclusive',
          weight: 1,
          heldSince: lease.acquiredAt,
          remainingMs: 29_990,
          fencingToken: lease.fencingToken,
        },
      ],
      limit: null,
      waitingProcesses: 1,
      waitingHere: 2,
    });
    expect(await locks.inspect('group:2')).toMatchObject({ held: false, heldSince: null, waitingHere: 0 });
  });
});
