import { describe, expect, it, jest } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

function open(...[options, spoil]: Parameters<ManualLocks['open']>) {
  const process = new ManualLocks();
  return { process, clock: process.clock, locks: process.open(options, spoil), other: process.open() };
}

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

  it('counts waitMs from the call also when a first grant came and was lost on its way', async () => {
    let first = true;
    const { process, locks, other, clock } = open({}, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        if (first) await store.forceRelease(request.name, 'stuck'); // the next in the queue has it now
        first = false;
        return answer;
      },
    }));
    const holder = await other.acquire('group:1');
    let gaveUpAtMs = 0;
    const beganMs = clock.monotonicMs();
    const asked = locks.acquire('group:1', { waitMs: 1000 }).catch((error: { code: string }) => {
      gaveUpAtMs = clock.monotonicMs() - beganMs;
      return error.code;
    });
    void process.open().acquire('group:1', { waitMs: Infinity });
    await clock.advanceAsync(600);
    await holder.release();
    await clock.advanceAsync(2000);
    expect([await asked, gaveUpAtMs]).toEqual(['LOCK_BUSY', 1000]);
  });

  it('a grant that is older than its lease when it arrives is a store too slow to use, not a lease that was lost', async () => {
    const { locks, clock, other } = open({ leaseMs: 1000 }, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        clock.stall(1500);
        return answer;
      },
    }));
    await expect(locks.tryAcquire('group:1')).rejects.toMatchObject({
      code: 'LOCK_STORE_UNAVAILABLE',
      retryable: true,
    });
    expect(locks.events).toEqual([]);
    expect(await other.isLocked('group:1')).toBe(false);
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
