import { describe, expect, it, jest } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
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

describe('waiting', () => {
  it('waitMs counts from the call, for one in the middle of the line too', async () => {
    const { locks, other, clock } = open();
    await other.acquire('group:1');
    const outcomes: string[] = [];
    const ask = (id: string, waitMs: number) => {
      locks.acquire('group:1', { waitMs }).catch((error: { code: string }) => {
        outcomes.push(`${id} ${error.code} ${clock.monotonicMs() - beganMs}`);
      });
    };
    const beganMs = clock.monotonicMs();
    ask('first', 500);
    ask('second', 200);
    clock.advance(100);
    ask('third', 200);
    await clock.advanceAsync(1000);
    expect(outcomes).toEqual(['second LOCK_BUSY 200', 'third LOCK_BUSY 300', 'first LOCK_BUSY 500']);
  });

  it('tells «held by someone else», how long it waited, and when the lease would end', async () => {
    const { locks, other, clock } = open();
    await other.acquire('group:1', { leaseMs: 60_000, renew: false });
    const refused = locks.acquire('group:1', { waitMs: 1000 }).catch((error: unknown) => error);
    await clock.advanceAsync(1000);
    expect(await refused).toMatchObject({
      code: 'LOCK_BUSY',
      message: expect.stringContaining('1000 ms'),
      retryAfterMs: 59_000,
    });
  });

  it('a store that cannot be asked is no «busy»: its own error comes, to all who wait', async () => {
    const error = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'connection refused');
    const { locks } = open({}, () => ({ acquire: () => Promise.reject(error) }));
    const outcomes = await Promise.allSettled([
      locks.acquire('a'),
      locks.acquire('a'),
      locks.tryAcquire('a'),
      locks.acquire('a', { waitMs: 0 }),
    ]);
    for (const outcome of outcomes) expect(outcome).toEqual({ status: 'rejected', reason: error });
  });

  it('an aborted wait rejects with the caller’s own reason: before, while, and not after', async () => {
    const { locks, other, clock } = open();
    const acquire = jest.fn<LockStore['acquire']>();
    const reason = new Error('the client went away');
    const watched = new ManualLocks().open({}, () => ({ acquire }));
    await expect(watched.acquire('group:1', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(acquire).not.toHaveBeenCalled();

    const holder = await other.acquire('group:1');
    const leaving = new AbortController();
    const waiting = locks.acquire('group:1', { signal: leaving.signal });
    await clock.advanceAsync(10);
    leaving.abort(reason);
    await expect(waiting).rejects.toBe(reason);

    await holder.release();
    const late = new AbortController();
    const lease = await locks.acquire('group:1', { signal: late.signal });
    late.abort(reason);
    expect(lease.state).toBe('held');
  });

  it('leaves nothing behind: no timer, no line, no key', async () => {
    const { process, clock, locks, other } = open();
    const holder = await other.acquire('group:1');
    const leaving = new AbortController();
    const waits = [
      locks.acquire('group:1', { signal: leaving.signal }),
      locks.acquire('group:1', { waitMs: 50 }),
      locks.using('group:1', () => 1),
    ];
    const ended = Promise.allSettled(waits);
    await clock.advanceAsync(60);
    leaving.abort(new Error('gone'));
    await holder.release();
    expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    await clock.advanceAsync(20_000);
    expect(process.table.keys()).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
    expect(locks.held()).toEqual([]);
  });

  it('a lease asked for without renewal is confirmed to its full length when the store granted a shorter one', async () => {
    const { locks } = open({ renew: false }, (store) => ({
      acquire: async (request, signal) => store.acquire({ ...request, leaseMs: 5000 }, signal),
    }));
    const lease = await locks.acquire('group:1', { leaseMs: 60_000 });
    expect(lease.remainingMs()).toBeGreaterThan(59_000);
  });
});

describe('a loss that is pushed before the reply of its own acquire', () => {
  /** Says that the first hold was ended by force while its grant was still on its way. */
  const forcedOnItsWay = () => {
    let first = true;
    return (store: LockStore): Partial<LockStore> => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        if (first) await store.forceRelease(request.name, 'stuck');
        first = false;
        return answer;
      },
    });
  };

  it('a caller that waits goes on waiting and gets a lease that is held', async () => {
    const { locks } = open({}, forcedOnItsWay());
    expect((await locks.acquire('group:1')).state).toBe('held');
  });

  it('one that only tries runs no work with a lease that is lost', async () => {
    const { locks } = open({}, forcedOnItsWay());
    const work = jest.fn();
    await expect(locks.tryUsing('group:1', work)).rejects.toMatchObject({
      code: 'LOCK_LOST',
      cause: 'forced',
    });
    expect(work).not.toHaveBeenCalled();
  });
});

describe('the same call chain', () => {
  it('may not ask for a name that it is inside of, also through other calls, and may once the lease has ended', async () => {
    const { locks } = open();
    const nested = () => locks.tryAcquire('group:1');
    await locks.using('group:1', (lease) =>
      locks.using('group:2', async () => {
        await expect(nested()).rejects.toMatchObject({ code: 'LOCK_REENTRANT', lockName: 'group:1' });
        await lease.release();
        const again = await nested();
        expect(again?.state).toBe('held');
        await again?.release();
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

  it('a listener of an event is outside of it: it may take the lock itself', async () => {
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
    const fencingToken = holder.fencingToken + 1;
    const common = { name: 'group:1', label: 'second', fencingToken };
    expect(locks.events).toEqual([
      { event: 'waiting', name: 'group:1', label: 'second' },
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
      { name: 'c', label: 'app', fencingToken, state: 'held', acquiredAt, remainingMs: c.remainingMs() },
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
      waitingProcesses: 1,
      waitingHere: 2,
    });
    expect(await locks.inspect('group:2')).toMatchObject({ held: false, heldSince: null, waitingHere: 0 });
  });
});

describe('closing', () => {
  it('a grant that is on its way while the manager closes is given back', async () => {
    let answerLater!: () => void;
    const { locks, other } = open({}, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        await new Promise<void>((resolve) => (answerLater = resolve));
        return answer;
      },
    }));
    const acquiring = locks.tryAcquire('group:1');
    await new Promise(setImmediate);
    const closing = locks.close();
    answerLater();
    await expect(acquiring).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    await closing;
    expect(await other.isLocked('group:1')).toBe(false);
  });

  it('does not wait for drainMs when nothing is held, and no longer than the last holder needs', async () => {
    const { locks, clock } = open({ drainMs: 60_000 });
    const lease = await locks.acquire('group:1');
    let closed = false;
    const closing = locks.close().then(() => (closed = true));
    await clock.advanceAsync(500);
    expect([closed, lease.state]).toEqual([false, 'held']);
    await lease.release();
    await closing;
    await expect(open().locks.close()).resolves.toBeUndefined();
  });

  it('keeps renewing while it drains', async () => {
    const { locks, clock } = open({ drainMs: 60_000, leaseMs: 1000 });
    const lease = await locks.acquire('group:1');
    void locks.close();
    await clock.advanceAsync(20_000);
    expect(lease.state).toBe('held');
  });

  it('tells the holders that did not finish: lost, cause «shutdown», signal aborted', async () => {
    const { locks, clock } = open({ drainMs: 100 });
    const { signal } = await locks.acquire('group:1');
    const closing = locks.close();
    await clock.advanceAsync(99);
    expect(signal.aborted).toBe(false);
    await clock.advanceAsync(1);
    await closing;
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'shutdown' });
  });

  it('takes no more calls from the moment it began', async () => {
    const { locks } = open();
    await locks.acquire('group:1');
    void locks.close();
    const closed = { name: 'LockStoreError', code: 'LOCK_CLOSED' };
    await expect(locks.ready()).rejects.toMatchObject(closed);
    await expect(locks.acquire('group:2')).rejects.toMatchObject(closed);
    await expect(locks.forceRelease('group:2', 'stuck')).rejects.toMatchObject(closed);
    await expect(locks.isLocked('group:2')).rejects.toMatchObject(closed);
  });
});
