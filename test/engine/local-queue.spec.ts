import { describe, expect, it, jest } from '@jest/globals';
import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { AcquireRequest, Grant, StopSignal } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

const NAME = 'group:1';

/** One request to the store, answered by the test. */
interface Asked {
  /** The label of the head for which it was made. */
  readonly head: string;
  readonly signal: StopSignal;
  grant(fencingToken: number): void;
  fail(error: Error): void;
}

/** The line of one name whose store is the test. Every lease has its own turn in the store: cohorts have a spec of their own. */
function openQueue() {
  const process = new ManualLocks();
  const { clock } = process;
  const asked: Asked[] = [];
  const givenBack: number[] = [];
  const grantOf = ({ name, ownerToken, leaseMs }: AcquireRequest, fencingToken: number): Grant => {
    const hold = { name, ownerToken, fencingToken, lastFencingToken: fencingToken };
    return { outcome: 'granted', hold, leaseMs, deadlineMs: clock.monotonicMs() + leaseMs };
  };
  const locks = process.open({ cohortMs: 0, waitMs: Infinity, maxWaiters: 20_000 }, () => ({
    acquire: (request, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
        const grant = (fencingToken: number) => resolve(grantOf(request, fencingToken));
        asked.push({ head: request.label, signal, grant, fail: reject });
      }),
    release: async ({ fencingToken }) => {
      givenBack.push(fencingToken);
      return { outcome: 'released' };
    },
  }));
  const wait = async (label: string, options: AcquireOptions = {}): Promise<number> => {
    const { fencingToken } = await locks.acquire(NAME, { label, ...options });
    return fencingToken;
  };
  const size = async () => (await locks.inspect(NAME)).waitingHere;
  return { clock, asked, givenBack, locks, wait, size, turn: () => clock.advanceAsync(0) };
}

async function reasonsOf(waiting: readonly Promise<unknown>[]): Promise<unknown[]> {
  const ended = await Promise.allSettled(waiting);
  return ended.map((outcome) => outcome.status === 'rejected' && outcome.reason);
}

describe('the line of one name in this process', () => {
  it('asks the store for its head only, and serves in the order of the calls', async () => {
    const { asked, wait, size, turn } = openQueue();
    const served: string[] = [];
    for (const id of ['a', 'b', 'c']) void wait(id).then((fence) => served.push(`${id} ${fence}`));
    expect(asked.map(({ head }) => head)).toEqual(['a']);
    for (const turnNo of [0, 1, 2]) {
      asked[turnNo]!.grant(turnNo + 1);
      await turn();
    }
    expect(served).toEqual(['a 1', 'b 2', 'c 3']);
    expect([await size(), asked.length]).toEqual([0, 3]);
  });

  it('keeps its place in the store when the head gives up: the grant goes to the next', async () => {
    const { asked, wait, turn } = openQueue();
    const leaving = new AbortController();
    const first = wait('a', { signal: leaving.signal });
    const second = wait('b');
    leaving.abort(new Error('a left'));
    await expect(first).rejects.toThrow('a left');
    expect(asked).toHaveLength(1);
    expect(asked[0]!.signal.aborted).toBe(false);
    asked[0]!.grant(7);
    await expect(second).resolves.toBe(7);
    await turn();
    expect(asked).toHaveLength(1);
  });

  it('gives its place up when the last one leaves', async () => {
    const { asked, wait } = openQueue();
    const leaving = new AbortController();
    const only = wait('a', { signal: leaving.signal });
    leaving.abort(new Error('a left'));
    await expect(only).rejects.toThrow('a left');
    expect(asked[0]!.signal.aborted).toBe(true);
  });

  it('gives back a grant that crossed the leaving of the last one', async () => {
    const { asked, givenBack, wait, turn } = openQueue();
    const leaving = new AbortController();
    const only = wait('a', { signal: leaving.signal });
    asked[0]!.grant(7);
    leaving.abort(new Error('a left'));
    await expect(only).rejects.toThrow('a left');
    await turn();
    expect(givenBack).toEqual([7]);
  });

  it('asks anew for one that comes after the last one left, and does not mix the two up', async () => {
    const { asked, givenBack, wait, turn } = openQueue();
    const leaving = new AbortController();
    const first = wait('a', { signal: leaving.signal });
    leaving.abort(new Error('a left'));
    const second = wait('b');
    await expect(first).rejects.toThrow('a left');
    await turn();
    expect(asked.map(({ head }) => head)).toEqual(['a', 'b']);
    asked[1]!.grant(8);
    await expect(second).resolves.toBe(8);
    expect(givenBack).toEqual([]);
  });

  it('a wait ends after waitMs with its own error, and the others go on', async () => {
    const { clock, asked, wait } = openQueue();
    const first = reasonsOf([wait('a', { waitMs: 100 })]);
    const second = wait('b', { waitMs: 200 });
    clock.advance(100);
    const [reason] = await first;
    expect(reason).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' }); // nobody has said yet that the lock is held
    asked[0]!.grant(7);
    await expect(second).resolves.toBe(7);
  });

  it('an error of the store is the answer for all who wait, at once, and the next caller asks again', async () => {
    const { asked, wait, turn } = openQueue();
    const waiting = reasonsOf([wait('a'), wait('b'), wait('c')]);
    const error = new Error('no store');
    asked[0]!.fail(error);
    expect(await waiting).toEqual([error, error, error]);
    const next = wait('d');
    await turn();
    expect(asked.map(({ head }) => head)).toEqual(['a', 'd']);
    asked[1]!.grant(7);
    await expect(next).resolves.toBe(7);
  });

  it('dismisses everybody with one reason and gives its place up', async () => {
    const { asked, wait, locks } = openQueue();
    const waiting = reasonsOf([wait('a'), wait('b')]);
    await locks.close();
    const [a, b] = await waiting;
    expect(a).toMatchObject({ code: 'LOCK_CLOSED' });
    expect(b).toBe(a);
    expect(asked[0]!.signal.aborted).toBe(true);
  });

  it('leaves no timer and no listener, however a wait ends', async () => {
    const { clock, asked, locks } = openQueue();
    const signals = [1, 2, 3].map(() => new AbortController().signal);
    const removed = signals.map((signal) => jest.spyOn(signal, 'removeEventListener'));
    const [granted, late, dismissed] = signals.map((signal, index) =>
      locks.acquire(NAME, { signal, waitMs: 100 * (index + 1) }),
    );
    asked[0]!.grant(7);
    const lease = await granted!;
    const ended = reasonsOf([late!]);
    await clock.advanceAsync(200);
    expect(await ended).toMatchObject([{ code: 'LOCK_BUSY' }]);
    const left = reasonsOf([dismissed!]);
    await lease.release();
    await locks.close();
    expect(await left).toMatchObject([{ code: 'LOCK_CLOSED' }]);
    expect(clock.pendingTimers).toBe(0);
    for (const spy of removed) expect(spy).toHaveBeenCalledWith('abort', expect.any(Function));
  });

  it('lets 10 000 leave from the middle without disturbing the first and the last', async () => {
    const { asked, wait, size, turn } = openQueue();
    const leaving = new AbortController();
    const first = wait('first');
    const middle = Array.from({ length: 10_000 }, (_, id) => wait(`${id}`, { signal: leaving.signal }));
    const gone = Promise.allSettled(middle);
    const last = wait('last');
    leaving.abort(new Error('gone'));
    await gone;
    expect(await size()).toBe(2);
    asked[0]!.grant(1);
    await expect(first).resolves.toBe(1);
    await turn();
    asked[1]!.grant(2);
    await expect(last).resolves.toBe(2);
  });
});
