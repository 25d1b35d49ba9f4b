import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/holding/lease.js';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, RenewOutcome } from '../../lib/stores/lock-store.js';
import { type CountedLocks, countedLocks } from '../support/counted-locks.js';

const NAME = 'group:1';
/** Longer than a slice. */
const OVER_MS = 20;
const NO_ANSWER = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');

const told = ({ locks }: CountedLocks, wanted: string) =>
  locks.events.filter(({ event }) => event === wanted);

/** Executes a yield, and holds its answer back until the test lets it go. */
function lateYield(options: Parameters<typeof countedLocks>[0] = {}) {
  let letGo!: () => void;
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const counted = countedLocks(options, (store) => ({
    yieldOrKeep: async (...args) => {
      const answer = await store.yieldOrKeep!(...args);
      await gate;
      return answer;
    },
  }));
  return { ...counted, answer: letGo };
}

/** The slice is over, a waiter is there, and the lease has just ended: the store is asked what becomes of the hold. */
async function askedToYield(
  counted: CountedLocks,
  waiters: readonly { signal?: AbortSignal }[] = [{}],
  elsewhere: () => unknown = () => undefined,
) {
  const lease = await counted.locks.acquire(NAME);
  elsewhere();
  const waiting = waiters.map((options) => counted.locks.acquire(NAME, options));
  for (const wait of waiting) wait.catch(() => undefined);
  counted.work(OVER_MS);
  const releasing = lease.release();
  releasing.catch(() => undefined);
  await counted.turn();
  return { lease, waiting, releasing };
}

describe('a hold that is in doubt is not handed on', () => {
  it('while a renewal is without an answer: it is released, and the waiter asks for itself', async () => {
    const unanswered = (requests: readonly unknown[]): RenewOutcome[] =>
      requests.map(() => ({ outcome: 'unknown', error: NO_ANSWER }));
    const { locks, asked, clock } = countedLocks({ leaseMs: 3000 }, () => ({
      renew: async (requests) => unanswered(requests),
    }));
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    await clock.advanceAsync(1000);
    expect(lease.state).toBe('uncertain');
    await lease.release();
    const next = await waiting;
    expect([next.state, next.fencingToken > lease.fencingToken]).toEqual(['held', true]);
    expect(asked).toEqual(['acquire', 'renew', 'release', 'acquire']);
  });

  it('after the machine slept, although nobody has looked at the lease since', async () => {
    const { locks, asked, clock } = countedLocks();
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    clock.stepWall(5000);
    await lease.release();
    expect((await waiting).state).toBe('held');
    expect(asked.filter((word) => word !== 'renew')).toEqual(['acquire', 'release', 'acquire']);
  });
});

describe('a hold that is lost', () => {
  it('under a lease: whoever waits here asks the store', async () => {
    const { locks, other, asked } = countedLocks();
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    await other.forceRelease(NAME, 'stuck');
    const next = await waiting;
    expect([lease.state, next.state]).toEqual(['lost', 'held']);
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(asked.filter((word) => word === 'acquire')).toHaveLength(2);
    await lease.release();
    expect(next.state).toBe('held');
  });

  it('between two leases, by force: it is not handed on, and the waiter has one of its own', async () => {
    const { locks, other, asked } = countedLocks();
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    const releasing = lease.release(); // passed on when the event loop has turned
    await other.forceRelease(NAME, 'stuck');
    const next = await waiting;
    expect(await releasing).toBe('released');
    expect(asked).toEqual(['acquire', 'release', 'acquire']);
    expect(next.state).toBe('held');
    await next.extend(); // asks the store
    expect(next.state).toBe('held');
  });

  it('between two leases, as a renewal says: the same, and it is not renewed again', async () => {
    const { locks, process, asked, clock } = countedLocks({ leaseMs: 3000, cohortMs: 1000 });
    const lease = await locks.acquire(NAME);
    const [waiting, last] = [locks.acquire(NAME), locks.acquire(NAME)];
    clock.stall(990);
    void lease.release();
    const second = await waiting;
    clock.stall(9);
    process.table.wipe();
    void second.release(); // the loop must turn first: the chain is longer than a millisecond
    for (let again = 0; again < 5; again += 1) {
      clock.advance(1);
      for (let promises = 0; promises < 10; promises += 1) await Promise.resolve();
    }
    const next = await last;
    expect(asked).toEqual(['acquire', 'renew', 'release', 'acquire']);
    expect(next.state).toBe('held');
    await next.extend();
    expect(next.state).toBe('held');
  });

  it('before its yield arrives: the lease that ended says «lost», and the waiter has a hold of its own', async () => {
    const counted = countedLocks({}, (store) => ({
      yieldOrKeep: async (hold, request, signal) => {
        await store.forceRelease(hold.name, 'stuck');
        return store.yieldOrKeep!(hold, request, signal);
      },
    }));
    const { lease, waiting, releasing } = await askedToYield(counted);
    expect(await releasing).toBe('lost');
    expect(lease.state).toBe('lost');
    const next = await waiting[0]!;
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await next.extend();
    expect(next.state).toBe('held');
    expect(counted.asked).toEqual(['acquire', 'yield', 'acquire', 'renew']);
  });
});

describe('a yield that fails', () => {
  const failing = () =>
    countedLocks({}, (store: LockStore) => ({
      yieldOrKeep: async (hold) => {
        await store.release(hold); // as a store must that cannot tell whose the hold is
        throw NO_ANSWER;
      },
    }));

  it('the lease that ended says so, and the waiters go on', async () => {
    const counted = failing();
    const { lease, waiting, releasing } = await askedToYield(counted, [{}, {}]);
    await expect(releasing).rejects.toBe(NO_ANSWER);
    const { fencingToken } = lease;
    expect(told(counted, 'releaseFailed')).toMatchObject([{ name: NAME, fencingToken, error: NO_ANSWER }]);
    const next = await waiting[0]!;
    expect(next.fencingToken).toBeGreaterThan(fencingToken);
    void next.release();
    expect((await waiting[1]!).state).toBe('held');
  });

  it('a result that was obtained in time is returned all the same', async () => {
    const { locks, work } = failing();
    const first = locks.using(NAME, () => (work(OVER_MS), 'booked'));
    const second = locks.using(NAME, () => 'booked, too');
    expect(await Promise.all([first, second])).toEqual(['booked', 'booked, too']);
  });

  it('between two leases, where nobody can be told: the waiters go on, and nothing is thrown', async () => {
    const counted = failing();
    const lease = await counted.locks.acquire(NAME);
    const waiting = counted.locks.acquire(NAME);
    const releasing = lease.release(); // goes on when the event loop has turned
    counted.work(OVER_MS);
    expect(await releasing).toBe('released');
    expect((await waiting).state).toBe('held');
    expect(counted.asked).toEqual(['acquire', 'yield', 'acquire']);
  });
});

describe('waiters who leave during a yield', () => {
  it('all of them, and the hold was kept: it is released', async () => {
    const counted = lateYield();
    const leaving = new AbortController();
    const { releasing } = await askedToYield(counted, [{ signal: leaving.signal }]);
    leaving.abort(new Error('gone'));
    await counted.turn();
    expect(counted.asked).toEqual(['acquire', 'yield']);
    counted.answer();
    expect(await releasing).toBe('released');
    await counted.turn();
    expect(counted.asked).toEqual(['acquire', 'yield', 'release']);
    expect(await counted.other.isLocked(NAME)).toBe(false);
  });

  it('all of them, and the hold was yielded: nobody is left queued for them', async () => {
    const counted = lateYield();
    const leaving = new AbortController();
    let theirs: Promise<Lease> | undefined;
    const { releasing } = await askedToYield(
      counted,
      [{ signal: leaving.signal }],
      () => (theirs = counted.other.acquire(NAME)),
    );
    leaving.abort(new Error('gone'));
    counted.answer();
    expect(await releasing).toBe('released');
    await counted.turn();
    expect((await theirs)?.state).toBe('held');
    expect(await counted.other.inspect(NAME)).toMatchObject({ held: true, waitingProcesses: 0 });
  });

  it('all of them, and another comes before the answer: it takes over the place that was asked for', async () => {
    const counted = lateYield();
    const leaving = new AbortController();
    let theirs: Promise<Lease> | undefined;
    await askedToYield(counted, [{ signal: leaving.signal }], () => (theirs = counted.other.acquire(NAME)));
    leaving.abort(new Error('gone'));
    const late = counted.locks.acquire(NAME);
    counted.answer();
    await (await theirs)?.release();
    expect((await late).state).toBe('held');
    expect(counted.asked).toEqual(['acquire', 'yield']);
  });

  it('the head alone: the next one has its turn', async () => {
    const counted = lateYield();
    const leaving = new AbortController();
    const { waiting } = await askedToYield(counted, [{ signal: leaving.signal }, {}]);
    leaving.abort(new Error('gone'));
    await expect(waiting[0]).rejects.toThrow('gone');
    counted.answer();
    expect((await waiting[1]!).state).toBe('held');
    expect(counted.asked).toEqual(['acquire', 'yield']);
  });
});

describe('closing', () => {
  it('during a yield: the waiters are turned away, and a hold that was kept is released', async () => {
    const counted = lateYield();
    const { waiting, releasing } = await askedToYield(counted);
    const closing = counted.locks.close();
    await expect(waiting[0]).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    counted.answer();
    expect(await releasing).toBe('released');
    await closing;
    expect(await counted.other.isLocked(NAME)).toBe(false);
    expect(counted.asked).toEqual(['acquire', 'yield', 'release']);
  });

  it('while the hold waits for the event loop to turn: the waiters are turned away, and it is released', async () => {
    const { locks, other, asked } = countedLocks();
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    void lease.release();
    const closing = locks.close();
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    await closing;
    expect(asked).toEqual(['acquire', 'release']);
    expect(await other.isLocked(NAME)).toBe(false);
  });
});
