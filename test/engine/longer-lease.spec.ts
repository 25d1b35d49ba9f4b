import { describe, expect, it } from '@jest/globals';
import { countedLocks } from '../support/counted-locks.js';

const NAME = 'group:1';
const LEASE_MS = 1_000;
/** Longer than a slice. */
const OVER_MS = 20;

/** How long the store keeps the name for whoever has it now, if that one dies. */
async function blockedForMs({ other }: ReturnType<typeof countedLocks>): Promise<number> {
  return (await other.inspect(NAME)).remainingMs ?? 0;
}

describe('a hold that was made longer than its lease is not handed on, so that the next one dies with the lease it asked for', () => {
  it('when the extension was answered', async () => {
    const counted = countedLocks({ leaseMs: LEASE_MS });
    const first = await counted.locks.acquire(NAME);
    const second = counted.locks.acquire(NAME);
    await first.extend(60_000);
    await first.release();
    const lease = await second;
    expect(await blockedForMs(counted)).toBeLessThanOrEqual(LEASE_MS);
    expect(lease.remainingMs()).toBeLessThanOrEqual(LEASE_MS);
    expect(lease.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(counted.asked).toEqual(['acquire', 'renew', 'release', 'acquire']);
  });

  it('when the extension is still on its way', async () => {
    let answer!: () => void;
    const gate = new Promise<void>((resolve) => (answer = resolve));
    const counted = countedLocks({ leaseMs: LEASE_MS }, (store) => ({
      renew: async (requests) => {
        const outcomes = await store.renew(requests);
        await gate;
        return outcomes;
      },
    }));
    const first = await counted.locks.acquire(NAME);
    const second = counted.locks.acquire(NAME);
    const extending = first.extend(60_000);
    counted.work(0.1);
    await first.release();
    const lease = await second;
    answer();
    await extending;
    expect(await blockedForMs(counted)).toBeLessThanOrEqual(LEASE_MS);
    expect(lease.remainingMs()).toBeLessThanOrEqual(LEASE_MS);
  });

  it('when its slice is over: a store that nobody else asks would keep it for what is left', async () => {
    const counted = countedLocks({ leaseMs: LEASE_MS });
    const first = await counted.locks.acquire(NAME);
    const second = counted.locks.acquire(NAME);
    await first.extend(60_000);
    counted.work(OVER_MS);
    await first.release();
    await second;
    expect(await blockedForMs(counted)).toBeLessThanOrEqual(LEASE_MS);
    expect(counted.asked).toEqual(['acquire', 'renew', 'release', 'acquire']);
  });

  it('but one that was extended for no more than its lease is', async () => {
    const counted = countedLocks({ leaseMs: LEASE_MS });
    const first = await counted.locks.acquire(NAME);
    const second = counted.locks.acquire(NAME);
    await first.extend();
    await first.extend(LEASE_MS / 2);
    counted.work(0.1);
    await first.release();
    await counted.turn();
    await second;
    expect(await blockedForMs(counted)).toBeLessThanOrEqual(LEASE_MS);
    expect(counted.asked).toEqual(['acquire', 'renew', 'renew']);
  });
});

describe('a place in the store that was asked for with a long lease', () => {
  /** Somebody else holds the name; the first here asked for a minute, the next for a second. */
  async function longThenShort(leaseMs: number) {
    const counted = countedLocks();
    const holder = await counted.other.acquire(NAME);
    const leaving = new AbortController();
    const long = counted.locks.acquire(NAME, { leaseMs: 60_000, signal: leaving.signal });
    const gone = long.catch((reason: unknown) => reason);
    const next = counted.locks.acquire(NAME, { leaseMs });
    await counted.turn();
    leaving.abort(new Error('left'));
    expect(await gone).toMatchObject({ message: 'left' });
    await counted.turn();
    return { ...counted, holder, next };
  }

  it('is not taken over by one who asked for a short one: it asks for itself at once, when the other leaves', async () => {
    const counted = await longThenShort(LEASE_MS);
    expect((await counted.other.inspect(NAME)).waitingProcesses).toBe(1);
    await counted.holder.release();
    const lease = await counted.next;
    expect([lease.leaseMs, await blockedForMs(counted)]).toEqual([LEASE_MS, LEASE_MS]);
    expect(counted.asked).toEqual(['acquire', 'acquire']);
    await lease.release();
    expect(await counted.other.isLocked(NAME)).toBe(false);
  });

  it('is taken over by one who asked for as much, or more', async () => {
    const counted = await longThenShort(120_000);
    await counted.holder.release();
    await counted.next;
    expect(counted.asked).toEqual(['acquire']);
  });

  it('that is given by a yield is asked for anew when the one for whom it was asked has left meanwhile', async () => {
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const counted = countedLocks({ leaseMs: 60_000 }, (store) => ({
      yieldOrKeep: async (...args) => {
        const answer = await store.yieldOrKeep!(...args);
        await gate;
        return answer;
      },
    }));
    const { locks, other, asked, turn, work } = counted;
    const first = await locks.acquire(NAME);
    const theirs = other.acquire(NAME);
    const leaving = new AbortController();
    const long = locks.acquire(NAME, { signal: leaving.signal });
    const gone = long.catch((reason: unknown) => reason);
    const next = locks.acquire(NAME, { leaseMs: LEASE_MS });
    work(OVER_MS);
    void first.release();
    await turn();
    leaving.abort(new Error('left'));
    expect(await gone).toMatchObject({ message: 'left' });
    letGo();
    await turn();
    await (await theirs).release();
    await next;
    expect(await blockedForMs(counted)).toBe(LEASE_MS);
    expect(asked).toEqual(['acquire', 'yield', 'acquire']);
  });
});
