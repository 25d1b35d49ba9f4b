import { describe, expect, it } from '@jest/globals';
import { wrapStore } from '../../lib/testing/contract/contract-bench.js';
import { countedLocks } from '../support/counted-locks.js';
import { failureOf } from '../support/failure-of.js';

const NAME = 'job:nightly';
const MIN = { minHoldMs: 5_000 } as const;

describe('minHoldMs', () => {
  it('keeps the name taken for the rest of it after an early release: not renewed, not held here, and then free', async () => {
    const { clock, locks, other, asked } = countedLocks();
    expect(await locks.using(NAME, () => 'done', MIN)).toBe('done');
    expect(locks.held()).toEqual([]);
    expect(await other.tryAcquire(NAME)).toBeNull();
    await clock.advanceAsync(4_999);
    expect(await other.tryAcquire(NAME)).toBeNull();
    await clock.advanceAsync(1);
    expect(await other.tryAcquire(NAME)).not.toBeNull();
    expect(asked).toEqual(['acquire', 'release']);
  });

  it('is nothing to who holds longer: the next one has the name at once', async () => {
    const { clock, locks, other } = countedLocks();
    const lease = await locks.acquire(NAME, MIN);
    await clock.advanceAsync(5_000);
    await lease.release();
    expect(await other.tryAcquire(NAME)).not.toBeNull();
  });

  it('is not handed on to those who wait in this process, whichever of the two has it', async () => {
    for (const [first, second] of [
      [MIN, {}],
      [{}, MIN],
    ] as const) {
      const { clock, locks, asked } = countedLocks({ cohortMs: 1_000 });
      const lease = await locks.acquire(NAME, first);
      const next = locks.acquire(NAME, second);
      await lease.release();
      await clock.advanceAsync(5_000);
      expect((await next).fencingToken).toBeGreaterThan(lease.fencingToken);
      expect(asked).toEqual(['acquire', 'acquire', 'release']); // it is queued in the store
    }
  });

  it('is not shared by the readers of a process: each has its own', async () => {
    const { clock, locks, other } = countedLocks({ mode: 'shared' });
    const [short, long] = [await locks.acquire(NAME, MIN), await locks.acquire(NAME)];
    await short.release();
    await long.release();
    expect(await other.tryAcquire(NAME)).toBeNull();
    await clock.advanceAsync(5_000);
    expect(await other.tryAcquire(NAME)).not.toBeNull();
  });

  it('counts for who entered the lock again as the first one asked for it', async () => {
    const { clock, locks, other } = countedLocks();
    await locks.using(NAME, () => locks.using(NAME, () => undefined, { minHoldMs: 20_000 }), MIN);
    await clock.advanceAsync(5_000);
    expect(await other.tryAcquire(NAME)).not.toBeNull();
  });

  it('leaves nothing taken of what no caller ever had: one that gave up, or several names of which one was busy', async () => {
    const { clock, locks, other } = countedLocks({}, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        clock.stall(60_000); // the answer is older than its lease
        return answer;
      },
    }));
    await failureOf(locks.tryAcquire('a', MIN));
    expect(await other.tryAcquire('a')).not.toBeNull();
    const plain = countedLocks();
    await plain.other.acquire('b');
    expect(await plain.locks.tryAcquire(['a', 'b'], MIN)).toBeNull();
    expect(await plain.other.tryAcquire('a')).not.toBeNull();
  });

  it('keeps each of several names taken', async () => {
    const { clock, locks, other } = countedLocks();
    await locks.using(['a', 'b'], () => undefined, MIN);
    for (const name of ['a', 'b']) expect(await other.tryAcquire(name)).toBeNull();
    await clock.advanceAsync(5_000);
    expect(await other.tryAcquire(['a', 'b'])).not.toBeNull();
  });

  it('is kept when the manager closes, of what is held and of what was released before', async () => {
    const { clock, locks, other } = countedLocks({ drainMs: 0 });
    await locks.acquire('a', MIN);
    await (await locks.acquire('b', MIN)).release();
    const closing = locks.close();
    await clock.advanceAsync(0);
    await closing;
    for (const name of ['a', 'b']) expect(await other.tryAcquire(name)).toBeNull();
  });

  it('does not come in the way of maxHoldMs', async () => {
    const { clock, locks, other } = countedLocks();
    const lease = await locks.acquire(NAME, { ...MIN, maxHoldMs: 5_000 });
    const next = other.acquire(NAME);
    await clock.advanceAsync(5_000);
    expect([lease.state, (await next).state]).toEqual(['lost', 'held']);
  });

  it.each([
    [{ minHoldMs: -1 }, 'minHoldMs must be an integer from 0 to 2592000000 ms, got -1'],
    [
      { minHoldMs: 30_001 },
      'minHoldMs must be at most leaseMs (30000), or a crash would free the name sooner; give a longer leaseMs, got 30001',
    ],
    [{ minHoldMs: 500, maxHoldMs: 400 }, 'minHoldMs must be at most maxHoldMs (400), got 500'],
  ])('is checked: %j', async (options, message) => {
    const { locks } = countedLocks();
    expect(await failureOf(locks.acquire(NAME, options))).toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
      message: `acquire("${NAME}"): ${message}`,
    });
  });

  it('is LOCK_STORE_UNSUPPORTED where the store cannot', async () => {
    const { process } = countedLocks();
    const capabilities = {
      kind: 'mine',
      holds: 'leased',
      modes: ['exclusive'],
      severalNames: false,
      scope: 'processes',
    } as const;
    const locks = process.open({}, (store) => wrapStore(store, { capabilities }));
    expect(await failureOf(locks.acquire(NAME, MIN))).toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
      message: expect.stringContaining('the store "mine" has no minHoldMs'),
    });
  });
});
