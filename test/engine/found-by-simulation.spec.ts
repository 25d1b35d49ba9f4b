import { describe, expect, it } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, RenewOutcome } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

/** What schedules of test/simulation found in the engine, each as its shortest story. */

/** Grants less than was asked for, as a push does; what a renewal answers is up to the test. */
function shortGrants(renew: () => Promise<RenewOutcome>) {
  return (store: LockStore): Partial<LockStore> => ({
    acquire: (request, signal) => store.acquire({ ...request, leaseMs: 400 }, signal),
    renew: (requests) => Promise.all(requests.map(() => renew())),
  });
}

describe('an acquire', () => {
  it('settles when its wait is over although the confirmation of its grant gets no answer', async () => {
    const process = new ManualLocks();
    const silent = new Promise<RenewOutcome>(() => undefined);
    const locks = process.open(
      {},
      shortGrants(() => silent),
    );
    const acquiring = locks.acquire('group:1', { renew: false, waitMs: 300 });
    await process.clock.advanceAsync(300);
    const lease = await acquiring;
    expect(lease.state).toBe('held');
    expect(lease.remainingMs()).toBeLessThan(400);
  });

  it('hands out no lease that ran out while the machine slept and that the store does not confirm', async () => {
    const process = new ManualLocks();
    const unavailable = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const released: number[] = [];
    let sleeps = true;
    const locks = process.open({ leaseMs: 1_000 }, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        if (sleeps) process.clock.stepWall(5_000);
        sleeps = false;
        return answer;
      },
      renew: async (requests) => requests.map(() => ({ outcome: 'unknown', error: unavailable })),
      release: (hold) => {
        released.push(hold.fencingToken);
        return store.release(hold);
      },
    }));
    const trying = locks.tryAcquire('group:1');
    await expect(trying).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', lockName: 'group:1' });
    expect(released).toHaveLength(1);
    expect(locks.held()).toEqual([]);
    sleeps = true;
    const lease = await locks.acquire('group:1', { waitMs: 300 });
    expect([lease.state, released.length]).toEqual(['held', 2]); // the second grant, which no sleep came between
  });

  it('whose grant is lost while the manager closes is refused at once and does not wait again', async () => {
    const process = new ManualLocks();
    let confirm: (outcome: RenewOutcome) => void = () => undefined;
    const confirmation = new Promise<RenewOutcome>((resolve) => (confirm = resolve));
    let asked = 0;
    const locks = process.open({}, (store) => ({
      ...shortGrants(() => confirmation)(store),
      acquire: (request, signal) => {
        asked += 1;
        if (asked === 1) return store.acquire({ ...request, leaseMs: 400 }, signal);
        return new Promise(() => undefined); // a wait that only its caller's bound would end
      },
    }));
    let outcome = 'waits';
    locks.acquire('group:1', { renew: false, waitMs: 10_000 }).catch(({ code }) => (outcome = code));
    await process.clock.advanceAsync(1);
    const closing = locks.close();
    confirm({ outcome: 'lost' });
    await process.clock.advanceAsync(1);
    expect({ outcome, asked, timers: process.clock.pendingTimers }).toEqual({
      outcome: 'LOCK_CLOSED',
      asked: 1,
      timers: 0,
    });
    await closing;
  });
});

describe('a release that is refused after a lost reply', () => {
  const refusedAfterRepeat = (): Partial<LockStore> => ({
    release: async () => ({ outcome: 'refused', ambiguous: true }),
    renew: async () => [{ outcome: 'unknown', error: new LockStoreError('LOCK_STORE_UNAVAILABLE', 'none') }],
  });

  it('is no loss when the lease still ran: the first try probably ended it', async () => {
    const lease = await new ManualLocks().open({}, refusedAfterRepeat).acquire('group:1');
    await expect(lease.release()).resolves.toBe('released');
  });

  it('is a loss when the machine slept past the deadline: somebody else may have had the lock', async () => {
    const process = new ManualLocks();
    const lease = await process.open({}, refusedAfterRepeat).acquire('group:1');
    process.clock.stepWall(40_000);
    await expect(lease.release()).resolves.toBe('lost');
    expect(lease.state).toBe('lost');
  });
});
