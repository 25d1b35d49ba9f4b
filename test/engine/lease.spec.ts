import { inspect } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, RenewOutcome } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

const LEASE_MS = 1000;
/** How long a lease of 1 000 ms may be believed. */
const BELIEVED_MS = 988;

function openLease(renew = false, spoil?: (store: LockStore) => Partial<LockStore>) {
  const process = new ManualLocks();
  const locks = process.open({ leaseMs: LEASE_MS, renew }, spoil);
  return { process, clock: process.clock, locks };
}

const noAnswer = (): Partial<LockStore> => ({
  renew: async (requests) =>
    requests.map((): RenewOutcome => {
      return { outcome: 'unknown', error: new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer') };
    }),
});

describe('a lease', () => {
  it('tells its name, its fencing token, when it was acquired and how long that took', async () => {
    const { process, clock, locks } = openLease();
    const holder = await process.open().acquire('group:1');
    const waiting = locks.acquire('group:1');
    await clock.advanceAsync(250);
    await holder.release();
    const lease = await waiting;
    expect(lease).toMatchObject({ name: 'group:1', names: ['group:1'], waitedMs: 250 });
    expect(lease.fencingToken).toBe(holder.fencingToken + 1);
    expect([...lease.fencingTokens]).toEqual([['group:1', lease.fencingToken]]);
    expect(lease.acquiredAt).toEqual(new Date(clock.wallMs()));
  });

  it('is held for its time less a margin, and lost at its deadline, by the clock at each read', async () => {
    const { clock, locks } = openLease();
    const lease = await locks.acquire('group:1');
    expect([lease.state, lease.remainingMs()]).toEqual(['held', BELIEVED_MS]);
    clock.stall(BELIEVED_MS - 1);
    expect([lease.state, lease.remainingMs()]).toEqual(['held', 1]);
    clock.stall(1); // no timer fires: a blocked event loop cannot make it lie
    expect([lease.state, lease.remainingMs()]).toEqual(['lost', 0]);
    expect(() => lease.assertHeld()).toThrow(
      expect.objectContaining({ code: 'LOCK_LOST', cause: 'expired' }),
    );
  });

  it('shows no owner token when it is printed or sent as JSON', async () => {
    const { locks } = openLease();
    const lease = await locks.acquire('group:1');
    expect(JSON.stringify({ held: locks.held(), inspected: await locks.inspect('group:1') })).not.toContain(
      'owner-token',
    );
    expect(JSON.stringify(locks.events)).not.toContain('owner-token');
    expect(inspect(lease, { depth: Infinity }) + JSON.stringify(lease)).not.toContain('owner-token');
    await lease.release();
  });

  describe('its signal', () => {
    it('aborts at the deadline by itself, with the loss as reason, and the event «lost» comes once', async () => {
      const { clock, locks } = openLease();
      const { signal } = await locks.acquire('group:1');
      await clock.advanceAsync(BELIEVED_MS - 1);
      expect(signal.aborted).toBe(false);
      await clock.advanceAsync(1);
      expect(signal.reason).toMatchObject({ name: 'LockLostError', cause: 'expired', lockName: 'group:1' });
      await clock.advanceAsync(5000);
      expect(locks.events.filter(({ event }) => event === 'lost')).toHaveLength(1);
    });

    it('that is first read after the loss is aborted already', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      await clock.advanceAsync(LEASE_MS);
      expect(lease.signal.aborted).toBe(true);
      expect(lease.signal).toBe(lease.signal);
    });

    it('does not abort because of a release, then or later', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      const { signal } = lease;
      await lease.release();
      await clock.advanceAsync(5000);
      expect([signal.aborted, lease.signal.aborted]).toEqual([false, false]);
    });

    it('is aborted when a listener of the event «lost» looks, not after', async () => {
      const { process, locks } = openLease();
      const lease = await locks.acquire('group:1');
      const { signal } = lease;
      let seen = '';
      signal.addEventListener('abort', () => (seen = lease.state));
      await process.open().forceRelease('group:1', 'stuck');
      expect([signal.aborted, seen]).toEqual([true, 'lost']);
    });
  });

  describe('when the wall clock runs ahead of the monotonic one, as after a suspend', () => {
    it('is uncertain, asks the store at once, and is held again when the store says so', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      clock.stepWall(60_000);
      expect(lease.state).toBe('uncertain');
      expect(lease.remainingMs()).toBe(0);
      expect(() => lease.assertHeld()).toThrow(
        expect.objectContaining({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true }),
      );
      await clock.advanceAsync(0);
      expect(lease.state).toBe('held');
      expect(() => lease.assertHeld()).not.toThrow();
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'uncertain', 'renewed']);
    });

    it('is lost when the store says that it is somebody else’s', async () => {
      const { clock, locks, process } = openLease();
      const lease = await locks.acquire('group:1');
      process.table.wipe();
      clock.stepWall(60_000);
      expect(lease.state).toBe('uncertain');
      await clock.advanceAsync(0);
      expect(lease.signal.reason).toMatchObject({ cause: 'taken' });
    });

    it('small differences and a clock that is set back are no reason to doubt', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      clock.stepWall(150);
      expect(lease.state).toBe('held');
      clock.stepWall(-3_600_000);
      expect(lease.state).toBe('held');
      expect(lease.remainingMs()).toBe(BELIEVED_MS);
    });

    it('without an answer it stays uncertain until its deadline', async () => {
      const { clock, locks } = openLease(true, noAnswer);
      const lease = await locks.acquire('group:1');
      clock.stepWall(60_000);
      expect(lease.state).toBe('uncertain');
      await clock.advanceAsync(BELIEVED_MS - 1);
      expect(lease.state).toBe('uncertain');
      await clock.advanceAsync(1);
      expect(lease.state).toBe('lost');
    });
  });

  describe('extend', () => {
    it('makes it last at least so long from now', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      await clock.advanceAsync(500);
      await lease.extend();
      expect(lease.remainingMs()).toBe(BELIEVED_MS);
      await lease.extend(10_000);
      await clock.advanceAsync(9000);
      expect(lease.state).toBe('held');
    });

    it('never shortens it', async () => {
      const { locks } = openLease();
      const lease = await locks.acquire('group:1', { leaseMs: 20_000 });
      await lease.extend(100);
      expect(lease.remainingMs()).toBeGreaterThan(19_000);
    });

    it.each([0, -5, 1.5, Number.NaN, Infinity, 99, 86_400_001, '1000'])(
      'by %p is LOCK_LEASE_INVALID',
      async (ms) => {
        const { locks } = openLease();
        const lease = await locks.acquire('group:1');
        await expect(lease.extend(ms as number)).rejects.toMatchObject({ code: 'LOCK_LEASE_INVALID' });
        expect(lease.state).toBe('held');
      },
    );

    it('is LOCK_RELEASED after the release, and LOCK_LOST after the loss', async () => {
      const { clock, locks } = openLease();
      const released = await locks.acquire('group:1');
      await released.release();
      await expect(released.extend()).rejects.toMatchObject({ code: 'LOCK_RELEASED' });
      const lost = await locks.acquire('group:1');
      clock.stall(LEASE_MS);
      await expect(lost.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    });

    it('finds out that the lock was taken', async () => {
      const { locks, process } = openLease();
      const lease = await locks.acquire('group:1');
      process.table.wipe();
      await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST', cause: 'taken' });
      expect(lease.state).toBe('lost');
    });

    it('without an answer is LOCK_STORE_UNAVAILABLE, and the lease is uncertain', async () => {
      const { locks } = openLease(false, noAnswer);
      const lease = await locks.acquire('group:1');
      await expect(lease.extend()).rejects.toMatchObject({
        code: 'LOCK_STORE_UNAVAILABLE',
        lockName: 'group:1',
      });
      expect(lease.state).toBe('uncertain');
    });
  });

  describe('release', () => {
    it('is asked of the store once, however often and however concurrently it is called', async () => {
      const release = jest.fn<LockStore['release']>();
      const { locks } = openLease(false, (store) => {
        release.mockImplementation((hold) => store.release(hold));
        return { release };
      });
      const lease = await locks.acquire('group:1');
      expect(await Promise.all([lease.release(), lease.release()])).toEqual(['released', 'released']);
      expect(await lease.release()).toBe('released');
      expect(release).toHaveBeenCalledTimes(1);
      expect(lease.state).toBe('released');
      expect(lease.remainingMs()).toBe(0);
      expect(() => lease.assertHeld()).toThrow(
        expect.objectContaining({ name: 'LockUsageError', code: 'LOCK_RELEASED' }),
      );
    });

    it('of a lease that was lost says «lost»', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      clock.stall(LEASE_MS);
      expect(await lease.release()).toBe('lost');
      expect(lease.state).toBe('lost');
    });

    it('that finds the lock taken says «lost», aborts the signal and tells', async () => {
      const { locks, process } = openLease();
      const lease = await locks.acquire('group:1');
      const { signal } = lease;
      process.table.wipe();
      expect(await lease.release()).toBe('lost');
      expect(signal.reason).toMatchObject({ cause: 'taken' });
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'lost']);
    });

    it('without an answer rejects and is told as «releaseFailed»; every further call gets the same answer', async () => {
      const failure = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
      const { locks } = openLease(false, () => ({ release: () => Promise.reject(failure) }));
      const lease = await locks.acquire('group:1');
      await expect(lease.release()).rejects.toBe(failure);
      await expect(lease.release()).rejects.toBe(failure);
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'releaseFailed']);
    });

    it('refused after a try whose reply was lost is no loss: the section had ended in time', async () => {
      const { locks } = openLease(false, () => ({
        release: async () => ({ outcome: 'refused', ambiguous: true }),
      }));
      const lease = await locks.acquire('group:1');
      expect(await lease.release()).toBe('released');
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'releaseFailed']);
    });
  });

  it('with «await using» is released at the end of the block, also when the block throws', async () => {
    const { locks } = openLease();
    const failing = async () => {
      await using lease = await locks.acquire('group:1');
      expect(lease.state).toBe('held');
      throw new Error('the group is full');
    };
    await expect(failing()).rejects.toThrow('the group is full');
    expect(await locks.isLocked('group:1')).toBe(false);
  });

  it('with «await using» a release that fails is told, not thrown over what the block did', async () => {
    const failure = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const { locks } = openLease(false, () => ({ release: () => Promise.reject(failure) }));
    const work = async () => {
      await using lease = await locks.acquire('group:1');
      return lease.name;
    };
    await expect(work()).resolves.toBe('group:1');
    expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'releaseFailed']);
  });

  it('using(work) runs the work inside it and releases it afterwards', async () => {
    const { locks } = openLease();
    const lease = await locks.acquire('group:1');
    expect(await lease.using((given) => given === lease && given.state)).toBe('held');
    expect(lease.state).toBe('released');
  });
});
