import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/index.js';
import { countedLocks } from '../support/counted-locks.js';
import { Seeded } from '../support/seeded.js';
import { ManualLocks } from '../support/manual-locks.js';
import { failureOf } from '../support/failure-of.js';

const NAME = 'mail-server';

describe('a limit', () => {
  it('lets so many in at once over all processes, each with a lease and a token of its own', async () => {
    const { locks, other } = countedLocks();
    const options = { limit: 3 };
    const held = [
      await locks.acquire(NAME, options),
      await other.acquire(NAME, options),
      await locks.acquire(NAME, options),
    ];
    expect(new Set(held.map(({ fencingToken }) => fencingToken)).size).toBe(3);
    expect(await other.tryAcquire(NAME, options)).toBeNull();
    await held[0]!.release();
    expect(await other.tryAcquire(NAME, options)).not.toBeNull();
  });

  it('counts weights, and nobody overtakes the head of the queue', async () => {
    const { locks, other, turn } = countedLocks();
    const first = await locks.acquire(NAME, { limit: 4, weight: 3 });
    const heavy = other.acquire(NAME, { limit: 4, weight: 2 });
    await turn();
    expect(await locks.tryAcquire(NAME, { limit: 4, weight: 1 })).toBeNull(); // it would fit, but is not next
    await first.release();
    expect((await heavy).state).toBe('held');
    expect(await locks.tryAcquire(NAME, { limit: 4, weight: 2 })).not.toBeNull();
  });

  it('goes from caller to caller of a process within a slice, and then back to the store', async () => {
    const { locks, other, asked, turn, clock } = countedLocks({ cohortMs: 10 });
    const options = { limit: 1 };
    const first = await locks.acquire(NAME, options);
    const second = locks.acquire(NAME, options);
    const third = locks.acquire(NAME, options);
    await turn();
    const theirs = other.acquire(NAME, options);
    await turn();
    await first.release();
    await turn();
    const next = await second;
    expect(asked.filter((word) => word === 'release')).toEqual([]);
    await clock.advanceAsync(10);
    await next.release();
    await turn();
    expect(asked.filter((word) => word === 'release')).toHaveLength(1);
    // The place of this process was in the queue before the other one came.
    await (await third).release();
    expect((await theirs).state).toBe('held');
  });

  it('does not hand a permit on to one who wants another weight', async () => {
    const { locks, other, turn } = countedLocks();
    const first = await locks.acquire(NAME, { limit: 3, weight: 1 });
    const theirs = await other.acquire(NAME, { limit: 3, weight: 2 });
    const heavy = locks.acquire(NAME, { limit: 3, weight: 3 });
    let isIn = false;
    void heavy.then(() => (isIn = true));
    await turn();
    await first.release();
    await turn();
    expect(isIn).toBe(false);
    await theirs.release();
    expect((await heavy).state).toBe('held');
  });

  it('is as the first caller said while anybody holds or waits', async () => {
    const { locks, other } = countedLocks();
    const first = await locks.acquire(NAME, { limit: 1 });
    expect(await other.tryAcquire(NAME, { limit: 5 })).toBeNull();
    await first.release();
    const wide = [await other.tryAcquire(NAME, { limit: 2 }), await other.tryAcquire(NAME, { limit: 2 })];
    expect(wide.map((lease) => lease?.state)).toEqual(['held', 'held']);
  });

  it('tells once that another one is in force', async () => {
    const { locks, other } = countedLocks();
    const warnings: string[] = [];
    other.on('warning', ({ message }) => void warnings.push(message));
    await locks.acquire(NAME, { limit: 3 });
    await other.acquire(NAME, { limit: 5 });
    await other.acquire(NAME, { limit: 5 });
    expect(warnings.filter((message) => message.includes(NAME))).toEqual([
      expect.stringContaining('the limit in force is 3, not 5'),
    ]);
  });

  it('is set by an operator until it is changed, whatever callers say; raising lets in at once, lowering takes nothing away', async () => {
    const { locks, other, turn } = countedLocks();
    await other.setLimit(NAME, 1);
    const first = await locks.acquire(NAME, { limit: 5 });
    const second = other.acquire(NAME, { limit: 5 });
    await turn();
    await other.setLimit(NAME, 2);
    expect((await second).state).toBe('held');
    await other.setLimit(NAME, 1);
    expect([first.state, (await second).state]).toEqual(['held', 'held']);
    await first.release();
    expect(await locks.tryAcquire(NAME, { limit: 5 })).toBeNull();
    await other.setLimit(NAME, null);
    expect(await locks.tryAcquire(NAME, { limit: 5 })).not.toBeNull();
  });

  it('tells a waiter whose weight is above the limit in force, instead of letting it wait for ever', async () => {
    const { locks, other, turn } = countedLocks();
    await locks.acquire(NAME, { limit: 5 });
    await locks.acquire(NAME, { limit: 5, weight: 4 });
    const heavy = other.acquire(NAME, { limit: 5, weight: 3 });
    const told = failureOf(heavy);
    await turn();
    await locks.setLimit(NAME, 2);
    expect((await told).message).toContain('weight must be at most the limit in force, 2, got 3');
    await expect(other.acquire(NAME, { limit: 5, weight: 3 })).rejects.toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
    });
  });

  it('and readers exclude each other on one name; an exclusive lock takes all of it', async () => {
    const { locks, other } = countedLocks();
    const permit = await locks.acquire(NAME, { limit: 2 });
    await expect(other.acquire(NAME, { mode: 'shared' })).rejects.toThrow(
      'is used with a limit at this moment',
    );
    expect(await other.tryAcquire(NAME)).toBeNull();
    await permit.release();
    const all = (await other.tryAcquire(NAME)) as Lease;
    expect(await locks.tryAcquire(NAME, { limit: 2 })).toBeNull();
    await all.release();
  });

  it('re-enters its permit; a larger weight inside of it is refused', async () => {
    const { locks, asked } = countedLocks();
    await locks.using(
      NAME,
      async (outer) => {
        const inner = (await locks.acquire(NAME, { limit: 3, weight: 1 })) as Lease;
        expect(inner.fencingToken).toBe(outer.fencingToken);
        await inner.release();
        await expect(locks.acquire(NAME, { limit: 3, weight: 3 })).rejects.toMatchObject({
          code: 'LOCK_REENTRANT',
        });
      },
      { limit: 3, weight: 2 },
    );
    expect(asked).toEqual(['acquire', 'release']);
  });

  it.each([
    [{ limit: 0 }, 'limit must be an integer from 1'],
    [{ limit: 1.5 }, 'limit must be an integer from 1'],
    [{ limit: 2, weight: 3 }, 'weight must be an integer from 1 to 2, got 3'],
    [{ weight: 2 }, 'weight must be left out where there is no limit'],
    [{ limit: 2, mode: 'shared' as const }, 'mode must be left out where there is a limit'],
    [{ mode: 'mutex' as 'shared' }, 'mode must be one of exclusive, shared, upgradeable'],
  ])('%j is a usage error', async (options, message) => {
    const { locks } = countedLocks();
    await expect(locks.acquire(NAME, options)).rejects.toThrow(message);
    expect(await locks.isLocked(NAME)).toBe(false);
  });

  it.each([[0], [-1], [1.5], ['2'], [undefined]])('setLimit(%j) is a usage error', async (limit) => {
    const { locks } = countedLocks();
    await expect(locks.setLimit(NAME, limit as number)).rejects.toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
    });
  });
});

/** What was granted and not ended, by what it may be beside. */
function tally(leases: Iterable<{ lease: Lease; weight: number; kind: string }>) {
  const seen = { permits: 0, shared: 0, upgradeable: 0, whole: 0 };
  for (const { lease, weight, kind } of leases) {
    if (lease.state !== 'held') continue;
    if (kind === 'permit') seen.permits += weight;
    else if (lease.mode === 'exclusive') seen.whole += 1;
    else if (lease.mode === 'shared') seen.shared += 1;
    else seen.upgradeable += 1;
  }
  return seen;
}

describe('kinds at random, on one table of locks', () => {
  it('never hold a name together that exclude each other, and everybody is served', async () => {
    const random = new Seeded('kinds');
    const place = new ManualLocks();
    const managers = [place.open(), place.open({ cohortMs: 1 }), place.open({ cohortMs: 0 })];
    const held = new Set<{ lease: Lease; weight: number; kind: string }>();
    const reached = { permits: 0, shared: 0, upgrades: 0, downgrades: 0, expired: 0, busy: 0, granted: 0 };
    let open = 0;
    const check = (limit: number, limited: boolean) => {
      const { permits, shared, upgradeable, whole } = tally(held);
      expect(whole).toBeLessThanOrEqual(1);
      if (whole === 1) expect(permits + shared + upgradeable).toBe(0);
      expect(upgradeable).toBeLessThanOrEqual(1);
      if (limited) expect(permits).toBeLessThanOrEqual(limit);
      reached.permits = Math.max(reached.permits, permits);
      reached.shared = Math.max(reached.shared, shared);
    };
    for (let round = 0; round < 60; round++) {
      const limited = round % 2 === 0;
      const limit = random.between(2, 5);
      const name = `name:${round}`;
      const calls = Array.from({ length: 40 }, async () => {
        const locks = random.pick(managers);
        const weight = random.between(1, limit);
        const kind = random.chance(0.2)
          ? 'whole'
          : limited
            ? 'permit'
            : random.pick(['shared', 'shared', 'upgradeable']);
        const options =
          kind === 'permit'
            ? { limit, weight }
            : kind === 'whole'
              ? {}
              : { mode: kind as 'shared' | 'upgradeable' };
        open += 1;
        const renew = random.chance(0.8);
        const lease = await locks
          .acquire(name, { ...options, renew, leaseMs: 1_000, waitMs: random.pick([50, 60_000]) })
          .catch((error: { code: string }) => {
            expect(error.code).toBe('LOCK_BUSY');
            reached.busy += 1;
            return undefined;
          });
        if (lease !== undefined) {
          reached.granted += 1;
          const entry = { lease, weight, kind };
          held.add(entry);
          check(limit, limited);
          await new Promise<void>((resolve) => void place.clock.setTimer(random.between(0, 8), resolve));
          if (kind === 'upgradeable' && random.chance(0.5)) {
            const upgraded = await lease.upgrade({ waitMs: 20 }).then(
              () => true,
              () => false,
            );
            if (upgraded) reached.upgrades += 1;
            check(limit, limited);
            if (upgraded && random.chance(0.5)) {
              await lease.downgrade().then(
                () => (reached.downgrades += 1),
                () => undefined,
              );
              check(limit, limited);
            }
          }
          if (random.chance(0.05))
            await new Promise<void>((resolve) => void place.clock.setTimer(1_500, resolve));
          if (lease.state === 'lost') reached.expired += 1;
          held.delete(entry);
          await lease.release().catch(() => undefined);
        }
        open -= 1;
      });
      for (let step = 0; step < 2_000 && open > 0; step++) await place.clock.advanceAsync(5);
      await Promise.all(calls);
      expect(open).toBe(0);
    }
    expect(Object.values(reached).every((count) => count > 0)).toBe(true);
    expect(reached.granted).toBeGreaterThan(1_000);
  }, 120_000);
});
