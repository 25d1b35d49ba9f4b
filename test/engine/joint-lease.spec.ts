import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../lib/lock-options.js';
import { type Lease, LockLostError, LockStoreError } from '../../lib/index.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { lookedAtLater } from '../../lib/testing/contract/port-process.js';
import { countedLocks } from '../support/counted-locks.js';

const NAMES = ['account:1', 'account:2'];
const [ONE, TWO] = NAMES as [string, string];
const LEASE_MS = 1_000;

function open(options: Partial<LockManagerOptions> = {}, spoil?: (store: LockStore) => Partial<LockStore>) {
  return countedLocks({ leaseMs: LEASE_MS, ...options }, spoil);
}

describe('a lease on several names', () => {
  it('has a fencing token for each, above the last one of that name', async () => {
    const { locks, other } = open();
    const before = await other.using(TWO, ({ fencingToken }) => fencingToken);
    await using lease = await locks.acquire([TWO, ONE]);
    expect([...lease.fencingTokens.keys()]).toEqual(NAMES);
    expect(lease.fencingTokens.get(TWO)).toBeGreaterThan(before);
    expect(locks.held().map(({ name, fencingToken }) => [name, fencingToken])).toEqual([
      ...lease.fencingTokens,
    ]);
  });

  it('has no token and no name that would be of all of them', async () => {
    const { locks } = open();
    await using lease = await locks.acquire(NAMES);
    for (const [asked, instead] of [
      ['fencingToken', 'lease.fencingTokens.get(name)'],
      ['name', 'lease.names'],
    ] as const) {
      expect(() => lease[asked]).toThrow(
        `lease.${asked} is for a lease on one name, and this one has 2 ("account:1", "account:2"); use ${instead}`,
      );
      expect(() => lease[asked]).toThrow(expect.objectContaining({ code: 'LOCK_SEVERAL_NAMES' }));
    }
    expect(lease.names).toEqual(NAMES);
  });

  it('says how long its caller waited for all, and since when all are held', async () => {
    const { locks, other, clock } = open();
    const held = await other.acquire(TWO);
    const waiting = locks.acquire(NAMES, { label: 'transfer' });
    await clock.advanceAsync(70);
    await held.release();
    const lease = await waiting;
    expect(lease).toMatchObject({
      waitedMs: 70,
      label: 'transfer',
      leaseMs: LEASE_MS,
      renews: true,
      mode: 'exclusive',
    });
    expect(lease.acquiredAt.getTime()).toBe(clock.wallMs());
  });

  it('is renewed as others are, and made longer with one command', async () => {
    const { locks, clock, asked } = open();
    const lease = await locks.acquire(NAMES);
    await clock.advanceAsync(10 * LEASE_MS);
    expect(lease.state).toBe('held');
    asked.splice(0);
    await lease.extend(60_000);
    expect(asked).toEqual(['renew']);
    expect(lease.remainingMs()).toBeGreaterThan(59_000);
  });

  it('has as much time left as the one of its names that has least', async () => {
    const { locks, clock } = open({ renew: false });
    await locks.using(ONE, async (first) => {
      await clock.advanceAsync(300);
      await locks.using(NAMES, async (lease) => {
        expect(lease.remainingMs()).toBe(first.remainingMs());
        await first.extend(5_000);
        expect(lease.remainingMs()).toBeGreaterThan(900);
        expect(lease.remainingMs()).toBeLessThan(LEASE_MS);
      });
    });
  });

  it('refuses to be extended by a time that is none, and names what it is about', async () => {
    const { locks } = open();
    await using lease = await locks.acquire(NAMES);
    await expect(lease.extend(5)).rejects.toThrow(
      'extend on "account:1", "account:2": ms must be an integer',
    );
  });

  it('is given back once, all names in one turn; the second answer is the first one', async () => {
    const { locks, other, asked } = open();
    const lease = await locks.acquire(NAMES);
    asked.splice(0);
    const endings = [lease.release(), lease.release()];
    expect(asked).toEqual(['release', 'release']);
    expect(await Promise.all(endings)).toEqual(['released', 'released']);
    expect([lease.state, lease.remainingMs(), lease.signal.aborted]).toEqual(['released', 0, false]);
    expect(() => lease.assertHeld()).toThrow(expect.objectContaining({ code: 'LOCK_RELEASED' }));
    expect(await other.tryAcquire(NAMES)).not.toBeNull();
  });

  it('goes on, name by name, to those who wait here, without a command', async () => {
    const { locks, asked, turn, work } = open();
    const lease = await locks.acquire(NAMES);
    const [one, two] = [locks.acquire(ONE), locks.acquire(TWO)];
    await turn();
    asked.splice(0);
    work();
    await lease.release();
    const tokens = [(await one).fencingToken, (await two).fencingToken];
    expect(asked).toEqual([]);
    expect(tokens[0]).toBeGreaterThan(lease.fencingTokens.get(ONE)!);
    expect(tokens[1]).toBeGreaterThan(lease.fencingTokens.get(TWO)!);
  });

  it('shows no owner token when it is printed or sent as JSON', async () => {
    const { locks } = open();
    await using lease = await locks.acquire(NAMES);
    const shown = inspect(lease, { depth: 10, showHidden: true, getters: true }) + JSON.stringify(lease);
    expect(shown).not.toContain('owner-token');
    expect(shown).toContain('JointLease');
  });
});

describe('a lease on several names of which one is lost', () => {
  it('is lost: its signal says which one, and it is one loss', async () => {
    const { locks, other, turn } = open();
    const lease = await locks.acquire(NAMES);
    const { signal } = lease;
    await other.forceRelease(TWO, 'an operator');
    await turn();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', lockName: TWO, cause: 'forced' });
    expect([lease.state, lease.remainingMs()]).toEqual(['lost', 0]);
    expect(() => lease.assertHeld()).toThrow(signal.reason as Error);
    await expect(lease.extend()).rejects.toBe(signal.reason);
    expect(locks.events.filter(({ event }) => event === 'lost')).toEqual([
      expect.objectContaining({ name: TWO, error: signal.reason as unknown }),
    ]);
  });

  it('tells it as well when its signal is read later', async () => {
    const { locks, other, turn } = open();
    const lease = await locks.acquire(NAMES);
    await other.forceRelease(ONE, 'an operator');
    await turn();
    expect([lease.signal.aborted, (lease.signal.reason as LockLostError).lockName]).toEqual([true, ONE]);
  });

  it('keeps the others until its work has ended, and gives them back then', async () => {
    const { locks, other, clock } = open();
    const outcome = locks.using(NAMES, async (lease) => {
      await other.forceRelease(ONE, 'an operator');
      await clock.advanceAsync(5 * LEASE_MS); // renewed meanwhile
      expect([lease.state, await other.tryAcquire(TWO)]).toEqual(['lost', null]);
      return 'too late';
    });
    await expect(outcome).rejects.toMatchObject({ code: 'LOCK_LOST', lockName: ONE, result: 'too late' });
    expect(await other.tryAcquire(TWO)).not.toBeNull();
    expect(locks.held()).toEqual([]);
  });

  it('answers «lost» to its release', async () => {
    const { locks, other, turn } = open();
    const lease = await locks.acquire(NAMES);
    await other.forceRelease(ONE, 'an operator');
    await turn();
    expect(await lease.release()).toBe('lost');
    expect(await other.tryAcquire(TWO)).not.toBeNull();
  });

  it('answers «lost» also when only the store knew, and the signal tells it', async () => {
    const { locks } = open({}, (store) => ({
      release: (hold) =>
        hold.name === TWO ? Promise.resolve({ outcome: 'refused', ambiguous: false }) : store.release(hold),
    }));
    const lease = await locks.acquire(NAMES);
    expect(await lease.release()).toBe('lost');
    expect((lease.signal.reason as LockLostError).lockName).toBe(TWO);
  });

  it('ends at the deadline of the first that runs out, by itself', async () => {
    const { locks, clock } = open({ renew: false });
    const lease = await locks.acquire(NAMES);
    const { signal } = lease;
    await clock.advanceAsync(LEASE_MS);
    expect([signal.aborted, lease.state]).toEqual([true, 'lost']);
  });

  it('is uncertain when one of them is, and certain again with it', async () => {
    let silent = false;
    const { locks, clock } = open({}, (store) => ({
      renew: async (requests) => {
        const outcomes = await store.renew(requests);
        const error = new Error('no answer');
        return outcomes.map((outcome, at) =>
          silent && requests[at]!.hold.name === TWO ? { outcome: 'unknown' as const, error } : outcome,
        );
      },
    }));
    const lease = await locks.acquire(NAMES);
    silent = true;
    await clock.advanceAsync(LEASE_MS / 2);
    expect(lease.state).toBe('uncertain');
    expect(() => lease.assertHeld()).toThrow(`uncertain whether lock "${TWO}"`);
    await expect(lease.extend()).rejects.toThrow(`lock "${TWO}" could not be extended: no answer`);
    silent = false;
    await clock.advanceAsync(LEASE_MS / 3);
    expect(lease.state).toBe('held');
  });

  it('fails its release when the store gave no answer for one, and gives the others back', async () => {
    const failure = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const { locks, other } = open({}, (store) => ({
      release: (hold) => (hold.name === ONE ? Promise.reject(failure) : store.release(hold)),
    }));
    const lease = await locks.acquire(NAMES);
    await expect(lease.release()).rejects.toBe(failure);
    expect(await other.tryAcquire(TWO)).not.toBeNull();
  });

  it('is lost as a whole at the end of drainMs, before anything is given away', async () => {
    const { locks, other, clock } = open({ drainMs: 100 });
    let lease!: Lease;
    const work = locks.using(NAMES, async (given) => {
      lease = given;
      await new Promise((resolve) => given.signal.addEventListener('abort', resolve));
      return other.tryAcquire(ONE);
    });
    const outcome = lookedAtLater(work);
    await clock.advanceAsync(0);
    const closed = locks.close();
    await clock.advanceAsync(100);
    await expect(outcome).rejects.toMatchObject({ code: 'LOCK_LOST', cause: 'shutdown' });
    await closed;
    expect(lease.state).toBe('lost');
  });
});

describe("several names with release: 'sent'", () => {
  it('go on when every one of them is on its way, and not before', async () => {
    const sent: (() => void)[] = [];
    const answers: (() => void)[] = [];
    const { locks, turn } = open({ release: 'sent' }, (store) => ({
      release: (hold, onSent) => {
        if (onSent !== undefined) sent.push(onSent);
        return new Promise((resolve) => answers.push(() => resolve(store.release(hold))));
      },
    }));
    let isThrough = false;
    const using = locks.using(NAMES, () => 'done').then((value) => ((isThrough = true), value));
    await turn();
    expect(sent).toHaveLength(2);
    sent[0]!();
    sent[0]!(); // a second call does no harm
    await turn();
    expect(isThrough).toBe(false);
    sent[1]!();
    expect(await using).toBe('done');
    for (const answer of answers) answer();
    await turn();
    expect(locks.events.filter(({ event }) => event === 'released')).toHaveLength(2);
  });
});
