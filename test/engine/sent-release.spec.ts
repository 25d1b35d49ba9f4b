import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockManagerOptions } from '../../lib/lock-options.js';
import type { LockManager } from '../../lib/lock-manager.js';
import { LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore, OnSent, ReleaseOutcome } from '../../lib/stores/lock-store.js';
import { memoryStore } from '../../lib/stores/memory/memory-store.js';
import { ManualLocks, type ManualManager } from '../support/manual-locks.js';

const NAME = 'group:1';
const LEASE_MS = 1000;

const REFUSED: ReleaseOutcome = { outcome: 'refused', ambiguous: false };
const FAILURE = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');

type Ask<T> = (onSent: OnSent | undefined) => Promise<T>;

/** Between an engine and its store: the end of a hold goes, and its answer comes, when the test says so. */
class Wire {
  /** For each request that ended a hold: may the store tell that it is on its way? */
  readonly asked: ('release' | 'yield' | 'release, to be confirmed' | 'yield, to be confirmed')[] = [];
  #onSent: OnSent | undefined;
  #answer!: () => void;
  #fail!: (error: Error) => void;
  #outcome: ReleaseOutcome | undefined;

  spoil = (store: LockStore): Partial<LockStore> => ({
    release: (hold, onSent) => this.#hold('release', onSent, () => store.release(hold)),
    yieldOrKeep: (hold, request, signal) =>
      this.#hold('yield', request.onSent, () =>
        store.yieldOrKeep!(hold, { ...request, onSent: undefined }, signal),
      ),
  });

  /** The request is written. */
  send(): void {
    this.#onSent?.();
  }

  /** The store executes it, and its answer is read; in its place an other one. */
  answer(instead?: ReleaseOutcome): void {
    this.#outcome = instead;
    this.#answer();
  }

  fail(): void {
    this.#fail(FAILURE);
  }

  async #hold<T>(kind: 'release' | 'yield', onSent: OnSent | undefined, ask: Ask<T>): Promise<T> {
    this.asked.push(onSent === undefined ? `${kind}, to be confirmed` : kind);
    this.#onSent = onSent;
    await new Promise<void>((resolve, reject) => {
      this.#answer = resolve;
      this.#fail = reject;
    });
    const outcome = await ask(undefined);
    return (this.#outcome as T | undefined) ?? outcome;
  }
}

function open(options: Partial<LockManagerOptions> = {}, capabilities?: LockStore['capabilities']) {
  const process = new ManualLocks();
  const wire = new Wire();
  const locks = process.open({ leaseMs: LEASE_MS, ...options }, (store) => ({
    ...wire.spoil(store),
    ...(capabilities && { capabilities }),
  }));
  return { process, wire, locks, clock: process.clock, other: process.open() };
}

/** Lets everything happen that needs no time. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Has it come to its end by now? */
async function isOver(call: Promise<unknown>): Promise<boolean> {
  let over = false;
  const settle = () => void (over = true);
  call.then(settle, settle);
  await turn();
  return over;
}

const told = ({ events }: ManualManager) => events.map(({ event }) => event);

const rejections: unknown[] = [];
const onRejection = (reason: unknown) => void rejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onRejection));
afterAll(() => void process.off('unhandledRejection', onRejection));

/** Each way to run work under a lock. */
const WAYS: Record<string, (locks: LockManager, work: () => unknown, options?: object) => Promise<unknown>> =
  {
    using: (locks, work, options) => locks.using(NAME, work, options),
    tryUsing: (locks, work, options) => locks.tryUsing(NAME, work, options),
    'lease.using': async (locks, work, options) => (await locks.acquire(NAME, options)).using(work),
    'lease.using after tryAcquire': async (locks, work, options) =>
      (await locks.tryAcquire(NAME, options))!.using(work),
  };

describe.each(Object.entries(WAYS))('%s with release: sent', (_, run) => {
  it('returns when the release is on its way, and its answer is an event', async () => {
    const { locks, wire } = open();
    const call = run(locks, () => 'done', { release: 'sent' });
    expect(await isOver(call)).toBe(false);
    wire.send();
    expect([await isOver(call), told(locks)]).toEqual([true, ['acquired']]);
    wire.answer();
    await turn();
    expect(told(locks)).toEqual(['acquired', 'released']);
  });

  it('waits for the answer where the store does not tell that the release is on its way', async () => {
    const { locks, wire } = open();
    const call = run(locks, () => 'done', { release: 'sent' });
    expect(await isOver(call)).toBe(false);
    wire.answer();
    await call;
    expect(told(locks)).toEqual(['acquired', 'released']);
  });

  it('is an option of the manager, too, which a call may take back', async () => {
    const { locks, wire } = open({ release: 'sent' });
    const sent = run(locks, () => 'done');
    await turn();
    wire.send();
    expect(await isOver(sent)).toBe(true);
    wire.answer();
    await turn();
    const confirmed = run(locks, () => 'done', { release: 'confirmed' });
    expect(await isOver(confirmed)).toBe(false);
    wire.answer();
    await confirmed;
    expect(wire.asked).toEqual(['release', 'release, to be confirmed']);
  });

  it('is not the default', async () => {
    const { locks, wire } = open();
    const call = run(locks, () => 'done');
    await turn();
    wire.answer();
    await call;
    expect(wire.asked).toEqual(['release, to be confirmed']);
  });

  it('throws what the work throws, as soon as the release is on its way', async () => {
    const { locks, wire } = open();
    const call = run(locks, () => Promise.reject(new Error('the group is full')), { release: 'sent' });
    expect(await isOver(call)).toBe(false);
    wire.send();
    await expect(call).rejects.toThrow('the group is full');
    wire.fail();
    await turn();
    expect([told(locks), rejections]).toEqual([['acquired', 'releaseFailed'], []]);
  });
});

describe('a release that is on its way', () => {
  /** The work is over, its result is returned, and the answer is still to come. */
  async function sent(options: Partial<LockManagerOptions> = {}) {
    const opened = open({ release: 'sent', ...options });
    const { locks, wire } = opened;
    const lease = await locks.acquire(NAME);
    const call = lease.using(() => 'done');
    await turn();
    wire.send();
    expect(await call).toBe('done');
    return { ...opened, lease };
  }

  it('and is refused is an event: the result has been returned', async () => {
    const { wire, locks, lease, process } = await sent();
    const { signal } = lease;
    process.table.wipe();
    wire.answer();
    expect(await lease.release()).toBe('lost');
    expect(locks.events.at(-1)).toMatchObject({ event: 'lost', name: NAME, cause: 'taken' });
    expect([told(locks), signal.aborted]).toEqual([['acquired', 'lost'], true]);
  });

  it('and is refused after a try without an answer is no loss, but is told', async () => {
    const { wire, locks, lease } = await sent();
    wire.answer({ outcome: 'refused', ambiguous: true });
    expect(await lease.release()).toBe('released');
    expect(told(locks)).toEqual(['acquired', 'releaseFailed']);
  });

  it('and gets no answer is an event, never an unhandled rejection', async () => {
    const { wire, locks } = await sent();
    wire.fail();
    await turn();
    expect(locks.events.at(-1)).toMatchObject({ event: 'releaseFailed', name: NAME, error: FAILURE });
    expect([told(locks), rejections]).toEqual([['acquired', 'releaseFailed'], []]);
  });

  it('is what a later release() waits for: it always confirms', async () => {
    const { wire, lease } = await sent();
    const confirmed = lease.release();
    expect(await isOver(confirmed)).toBe(false);
    wire.fail();
    await expect(confirmed).rejects.toBe(FAILURE);
  });

  it('is waited for by close(), and nothing is told after it', async () => {
    const { wire, locks } = await sent();
    const closing = locks.close();
    expect(await isOver(closing)).toBe(false);
    wire.fail();
    await closing;
    expect(told(locks)).toEqual(['acquired', 'releaseFailed']);
    await turn();
    expect(told(locks)).toHaveLength(2);
  });

  it('leaves the name to the next caller of this process, who asks at once', async () => {
    const { wire, locks } = await sent();
    const next = locks.acquire(NAME);
    expect(await isOver(next)).toBe(false); // the store has not executed the release yet
    wire.answer();
    expect((await next).state).toBe('held');
  });
});

describe('with release: sent, confirmed all the same is', () => {
  it('lease.release(), and «await using»', async () => {
    const { locks, wire } = open({ release: 'sent' });
    const released = (await locks.acquire(NAME)).release();
    const block = async () => {
      await using lease = await locks.acquire(NAME);
      expect(lease.state).toBe('held');
    };
    for (const call of [released, block()]) {
      expect(await isOver(call)).toBe(false);
      wire.answer();
      await call;
    }
    expect(wire.asked).toEqual(['release, to be confirmed', 'release, to be confirmed']);
  });

  it('a lease in doubt: without the answer a result of a lost lock would be returned', async () => {
    const { locks, wire, clock, process } = open({ release: 'sent' });
    const call = locks.using(NAME, () => {
      process.table.wipe();
      clock.stepWall(500); // the machine may have slept
      return 'done';
    });
    expect(await isOver(call)).toBe(false);
    wire.answer(REFUSED);
    await expect(call).rejects.toMatchObject({ code: 'LOCK_LOST', cause: 'taken', result: 'done' });
    expect(wire.asked).toEqual(['release, to be confirmed']);
  });

  it('what ends while the manager closes: the process may be about to end', async () => {
    const { locks, wire } = open({ release: 'sent', drainMs: 60_000 });
    let finish!: () => void;
    const call = locks.using(NAME, () => new Promise<void>((resolve) => (finish = resolve)));
    await turn();
    const closing = locks.close();
    await turn();
    finish();
    expect(await isOver(call)).toBe(false);
    wire.answer();
    await Promise.all([call, closing]);
    expect(wire.asked).toEqual(['release, to be confirmed']);
  });

  it('whatever a store ends that does not say that it can do otherwise: it is not even asked', async () => {
    const { releases: _, ...before } = memoryStore().capabilities;
    for (const confirmedOnly of [before, { ...before, releases: 'confirmed' as const }]) {
      const { locks, wire } = open({ release: 'sent' }, confirmedOnly);
      const call = locks.using(NAME, () => 'done');
      expect(await isOver(call)).toBe(false);
      wire.answer();
      expect(await call).toBe('done');
      expect(wire.asked).toEqual(['release, to be confirmed']);
    }
  });
});

describe('with release: sent, a lock that was lost during the work', () => {
  it.each(['the deadline passed', 'somebody ended it by force'])('is an error as ever: %s', async (how) => {
    const { locks, clock, other } = open({ release: 'sent', renew: false });
    const call = locks.using(NAME, async () => {
      if (how.includes('force')) await other.forceRelease(NAME, 'stuck');
      else clock.stall(LEASE_MS);
      return 'done';
    });
    await expect(call).rejects.toMatchObject({ code: 'LOCK_LOST', result: 'done' });
  });
});

describe('with release: sent, while others wait in this process', () => {
  it('the lock goes to the next of them as ever, without a command', async () => {
    const { locks, wire, clock } = open({ release: 'sent' });
    const served: number[] = [];
    const calls = [0, 1, 2].map((n) => locks.using(NAME, () => (served.push(n), clock.stall(0.1))));
    await clock.advanceAsync(0);
    expect([served, wire.asked]).toEqual([[0, 1, 2], ['release']]);
    expect(await Promise.all(calls.map(isOver))).toEqual([true, true, false]);
    wire.send();
    await Promise.all(calls);
  });

  /** The end of a slice, while one more waits here: the store is asked who is next. */
  async function atTheEndOfASlice() {
    const opened = open({ release: 'sent' });
    const { locks, clock } = opened;
    const order: string[] = [];
    const first = locks.using(NAME, () => (order.push('first'), clock.stall(20)));
    const next = locks.using(NAME, () => void order.push('next'));
    await clock.advanceAsync(0);
    return { ...opened, order, first, next };
  }

  it('the end of a slice keeps nobody either: its caller goes on when the question is on its way', async () => {
    const { wire, clock, order, first, next } = await atTheEndOfASlice();
    expect([wire.asked, await isOver(first)]).toEqual([['yield'], false]);
    wire.send();
    await first;
    expect(order).toEqual(['first']); // until the answer nobody has the hold
    wire.answer();
    await clock.advanceAsync(0);
    expect(order).toEqual(['first', 'next']);
    wire.answer();
    await next;
  });

  it('and is refused is an event, and the next one asks for itself', async () => {
    const { wire, locks, clock, process, first, next } = await atTheEndOfASlice();
    wire.send();
    await first;
    process.table.wipe();
    wire.answer();
    await clock.advanceAsync(0);
    expect(told(locks).filter((event) => event !== 'waiting')).toEqual(['acquired', 'lost', 'acquired']);
    wire.answer();
    await next;
  });

  it('and gets no answer is an event, never an unhandled rejection', async () => {
    const { wire, locks, clock, first, other } = await atTheEndOfASlice();
    wire.send();
    await first;
    wire.fail();
    await clock.advanceAsync(0);
    expect(told(locks)).toContain('releaseFailed');
    expect(rejections).toEqual([]);
    await other.forceRelease(NAME, 'the wire has nothing to undo it');
  });
});
