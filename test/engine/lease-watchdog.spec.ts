import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/holding/lease.js';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, RenewOutcome, RenewRequest } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

const NO_ANSWER: RenewOutcome = {
  outcome: 'unknown',
  error: new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer'),
};

/** Notes every renewal command, and lets a test answer it in the place of the store. */
function openWatched() {
  const process = new ManualLocks();
  const { clock } = process;
  const sent: { readonly atMs: number; readonly names: string[] }[] = [];
  const renewals = {
    sent,
    answer: undefined as ((requests: readonly RenewRequest[]) => Promise<RenewOutcome[]>) | undefined,
  };
  const beganMs = clock.monotonicMs();
  const spoil = (store: LockStore): Partial<LockStore> => ({
    renew: (requests) => {
      sent.push({ atMs: clock.monotonicMs() - beganMs, names: requests.map(({ hold }) => hold.name) });
      return renewals.answer === undefined ? store.renew(requests) : renewals.answer(requests);
    },
  });
  return { process, clock, renewals, locks: process.open({ leaseMs: 3000 }, spoil) };
}

describe('the watchdog', () => {
  it('renews a lease when a third of it has passed, again and again', async () => {
    const { clock, locks, renewals } = openWatched();
    const lease = await locks.acquire('group:1');
    await clock.advanceAsync(10_000);
    expect(lease.state).toBe('held');
    const times = renewals.sent.map(({ atMs }) => atMs);
    expect(times[0]).toBe(1000);
    for (const [index, atMs] of times.slice(1).entries()) {
      expect(atMs - times[index]!).toBeGreaterThan(950);
      expect(atMs - times[index]!).toBeLessThanOrEqual(1000);
    }
    expect(times.length).toBeLessThanOrEqual(11);
  });

  it('renews leases that were taken about the same time with one command', async () => {
    const { clock, locks, renewals } = openWatched();
    for (let group = 0; group < 50; group += 1) {
      await locks.acquire(`group:${group}`);
      clock.advance(2);
    }
    await clock.advanceAsync(1000);
    expect(renewals.sent).toHaveLength(1);
    expect(renewals.sent[0]!.names).toHaveLength(50);
  });

  it('keeps all leases with one background timer, and none when there is no lease', async () => {
    const { clock, locks, process } = openWatched();
    const leases = await Promise.all(
      Array.from({ length: 200 }, (_, group) => locks.acquire(`group:${group}`)),
    );
    const swept = 1; // the table of the memory store has one too
    expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1 + swept, 0]);
    await Promise.all(leases.map((lease) => lease.release()));
    process.table.wipe();
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not renew a lease that asked not to be', async () => {
    const { clock, locks, renewals } = openWatched();
    const lease = await locks.acquire('group:1', { renew: false });
    await clock.advanceAsync(5000);
    expect(renewals.sent).toEqual([]);
    expect(lease.state).toBe('lost');
  });

  describe('when a renewal gets no answer', () => {
    it('doubts the lease, tries again soon, and is certain again when an answer comes', async () => {
      const { clock, locks, renewals } = openWatched();
      const lease = await locks.acquire('group:1');
      renewals.answer = (requests) => Promise.resolve(requests.map(() => NO_ANSWER));
      await clock.advanceAsync(1000);
      expect(lease.state).toBe('uncertain');
      await clock.advanceAsync(400);
      expect(renewals.sent.length).toBeGreaterThanOrEqual(3);
      renewals.answer = undefined;
      await clock.advanceAsync(300);
      expect(lease.state).toBe('held');
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'uncertain', 'renewed']);
      expect(lease.remainingMs()).toBeGreaterThan(2500);
    });

    it('does not try in a loop: at most one attempt every 20 ms, even just before the deadline', async () => {
      const { clock, locks, renewals } = openWatched();
      await locks.acquire('group:1');
      renewals.answer = (requests) => Promise.resolve(requests.map(() => NO_ANSWER));
      await clock.advanceAsync(5000);
      const times = renewals.sent.map(({ atMs }) => atMs);
      for (const [index, atMs] of times.slice(1).entries())
        expect(atMs - times[index]!).toBeGreaterThanOrEqual(19.9);
    });

    it('the lease is lost at its deadline, before the store gives the name away', async () => {
      const { clock, locks, renewals, process } = openWatched();
      const lease = await locks.acquire('group:1');
      const waiting = process.open().acquire('group:1');
      renewals.answer = (requests) => Promise.resolve(requests.map(() => NO_ANSWER));
      await clock.advanceAsync(3000 - 30 - 2);
      expect(lease.signal.aborted).toBe(true);
      expect((await waiting).state).toBe('held'); // the lost lease was given back at once
    });

    it('even a renewal that hangs for ever does not keep a lease alive, and no second one is sent meanwhile', async () => {
      const { clock, locks, renewals } = openWatched();
      const lease = await locks.acquire('group:1');
      const { signal } = lease;
      renewals.answer = () => new Promise(() => {});
      await clock.advanceAsync(2900);
      expect([signal.aborted, renewals.sent.length]).toEqual([false, 1]);
      await clock.advanceAsync(100);
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'expired' });
    });

    it('a hanging renewal of one lease is not sent again along with those of others', async () => {
      const { clock, locks, renewals } = openWatched();
      await locks.acquire('hanging');
      await clock.advanceAsync(500);
      await locks.acquire('other');
      renewals.answer = () => new Promise(() => {});
      await clock.advanceAsync(1100);
      expect(renewals.sent.map(({ names }) => names)).toEqual([['hanging'], ['other']]);
    });

    it('a renewal that rejects, against the rules of the port, is no crash and no loss', async () => {
      const { clock, locks, renewals } = openWatched();
      const lease = await locks.acquire('group:1');
      renewals.answer = () => Promise.reject(new Error('connection reset'));
      await clock.advanceAsync(1000);
      renewals.answer = undefined;
      await clock.advanceAsync(1000);
      expect(lease.state).toBe('held');
    });
  });

  it('a definite «not yours» is a loss at once, long before the deadline', async () => {
    const { clock, locks, renewals } = openWatched();
    const lease = await locks.acquire('group:1');
    renewals.answer = (requests) => Promise.resolve(requests.map(() => ({ outcome: 'lost' as const })));
    await clock.advanceAsync(1000);
    expect(lease.signal.reason).toMatchObject({ cause: 'taken' });
    await clock.advanceAsync(5000);
    expect(renewals.sent).toHaveLength(1);
  });

  it('one lease lost in a batch does not touch the others', async () => {
    const { clock, locks, renewals } = openWatched();
    const leases: Lease[] = [];
    for (const name of ['a', 'b', 'c']) leases.push(await locks.acquire(name));
    renewals.answer = async (requests) =>
      requests.map(({ hold }) => {
        return hold.name === 'b'
          ? { outcome: 'lost' }
          : { outcome: 'renewed', deadlineMs: clock.monotonicMs() + 2968 };
      });
    await clock.advanceAsync(1000);
    expect(leases.map(({ state }) => state)).toEqual(['held', 'lost', 'held']);
  });

  describe('an answer that comes late', () => {
    it('does not bring a lost lease back', async () => {
      const { clock, locks, renewals } = openWatched();
      const lease = await locks.acquire('group:1');
      let answer!: (outcomes: RenewOutcome[]) => void;
      renewals.answer = () => new Promise((resolve) => (answer = resolve));
      await clock.advanceAsync(3000);
      answer([{ outcome: 'renewed', deadlineMs: clock.monotonicMs() + 3000 }]);
      await clock.advanceAsync(10);
      expect(lease.state).toBe('lost');
      expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'lost']);
    });

    it('after a stall longer than the lease: lost, although the answer said «renewed»', async () => {
      const { clock, locks, renewals } = openWatched();
      const lease = await locks.acquire('group:1');
      let answer!: (outcomes: RenewOutcome[]) => void;
      renewals.answer = () => new Promise((resolve) => (answer = resolve));
      await clock.advanceAsync(1000);
      clock.stall(5000);
      answer([{ outcome: 'renewed', deadlineMs: clock.monotonicMs() + 3000 }]);
      await clock.advanceAsync(0);
      expect(lease.state).toBe('lost');
    });

    it('arms nothing when the lease was released meanwhile', async () => {
      const { clock, locks, renewals, process } = openWatched();
      const lease = await locks.acquire('group:1');
      let answer!: (outcomes: RenewOutcome[]) => void;
      renewals.answer = () => new Promise((resolve) => (answer = resolve));
      await clock.advanceAsync(1000);
      await lease.release();
      answer([{ outcome: 'renewed', deadlineMs: clock.monotonicMs() + 3000 }]);
      await clock.advanceAsync(0);
      process.table.wipe();
      expect(clock.pendingTimers).toBe(0);
      await clock.advanceAsync(10_000);
      expect(renewals.sent).toHaveLength(1);
      expect(lease.state).toBe('released');
    });
  });
});
