import { describe, expect, it, jest } from '@jest/globals';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, RenewOutcome } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

const LEASE_MS = 1000;

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

describe('the length and the end of a lease', () => {
  describe('extend', () => {
    it('makes it last at least so long from now', async () => {
      const { clock, locks } = openLease();
      const lease = await locks.acquire('group:1');
      await clock.advanceAsync(500);
      await lease.extend();
      expect(lease.remainingMs()).toBe(LEASE_MS - 12);
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

    it.each([0, -5, 1.5, Number.NaN, Infinity, 99, 2_592_000_001, '1000'])(
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

  it('that ran out is ended at the store, too: a renewal without an answer may have kept it there', async () => {
    const { locks, clock, process } = openLease(true, (store) => ({
      renew: async (requests) => {
        await store.renew(requests);
        return new Promise<RenewOutcome[]>(() => undefined); // executed, never answered
      },
    }));
    const lease = await locks.acquire('group:1');
    await clock.advanceAsync(LEASE_MS - 5);
    expect(lease.state).toBe('lost');
    const other = process.open();
    expect(await other.isLocked('group:1')).toBe(false);
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
