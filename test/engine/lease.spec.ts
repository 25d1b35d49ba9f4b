import { getMaxListeners } from 'node:events';
import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
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
    expect(lease.fencingToken).toBeGreaterThan(holder.fencingToken);
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
      expect(getMaxListeners(lease.signal)).toBe(Infinity); // any number of listeners: its caller may have much to do at once
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
});
