import { describe, expect, it } from '@jest/globals';
import { check, describeCase, FAST_CASES, worldOf } from './model/cases.js';
import { describeWorld } from './model/fingerprint.js';
import { SEEDED_BUGS } from './model/seeded-bugs.js';

/** Larger cases: npm run test:model */
describe('in every interleaving of a small case every law holds, and everybody who waits is served', () => {
  it.each(FAST_CASES.map((small) => [describeCase(small), small] as const))(
    '%s',
    (_name, small) => {
      const { violation, complete, ends } = check(small);
      expect(violation).toBeUndefined();
      expect(complete).toBe(true);
      expect(ends).toBeGreaterThan(1);
    },
    300_000,
  );
});

describe('the checker finds a bug that is put in', () => {
  const quick = SEEDED_BUGS.filter(({ isFar }) => !isFar);

  it.each(quick.map((bug) => [bug.name, bug] as const))(
    '%s',
    (_name, bug) => {
      expect(check({ clients: 2, cycles: 1, ...bug }).violation?.law).toBe(bug.breaks);
    },
    300_000,
  );
});

/** Each of them several times, in different shapes. */
const mostWorlds = Number(process.env.MODEL_WORLDS ?? 1_000);

describe('worlds that the checker takes for one', () => {
  it.each([
    { clients: 2, cycles: 1, budget: { cut: 1, slow: 1 } },
    { clients: 2, cycles: 2, budget: { rollback: 1, wipe: 1, slow: 1, renew: 1 } },
    { clients: 3, cycles: 1, budget: { force: 1, deaf: 1, giveUp: 1 } },
    { clients: 3, cycles: 1, budget: { astray: 2, force: 1 } },
    { clients: 2, cycles: 1, budget: { yield: 2, count: 2, cut: 1 } },
    { clients: 2, cycles: 1, budget: { yield: 1, count: 2, clockBack: 1, force: 1, slow: 1 } },
  ])(
    'have the same futures: $clients clients, $budget',
    (small) => {
      const { moves, start } = worldOf(small);
      const futuresOf = new Map<string, string>();
      const frontier = [start];
      for (
        let world = frontier.pop();
        world !== undefined && futuresOf.size < mostWorlds;
        world = frontier.pop()
      ) {
        const next = moves.of(world).map((move) => move.next());
        const futures = next.map(describeWorld).toSorted().join('\n');
        const name = describeWorld(world);
        const known = futuresOf.get(name);
        if (known !== undefined) expect(futures).toBe(known);
        else frontier.push(...next, ...next.slice(0, 2)); // some of them come by again in another shape
        futuresOf.set(name, futures);
      }
      expect(futuresOf.size).toBeGreaterThanOrEqual(mostWorlds);
    },
    300_000,
  );
});
