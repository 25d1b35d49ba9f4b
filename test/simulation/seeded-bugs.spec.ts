import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GATE_BUGS } from './gate-bugs.js';
import { runSchedule } from './schedule.js';
import { SeededRandom } from './seeded-random.js';
import { shapeOf } from './shape.js';

const MOST_SCHEDULES = 600;

const { stackTraceLimit } = Error;
beforeAll(() => void (Error.stackTraceLimit = 0)); // as in simulation.spec.ts
afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

/** Schedules in which every kind of lock is taken. */
function* mixedSeeds(from: number): Generator<number> {
  for (let seed = from, found = 0; found < MOST_SCHEDULES; seed++) {
    if (shapeOf(new SeededRandom(String(seed)).fork('shape')).kinds.size === 0) continue;
    found += 1;
    yield seed;
  }
}

describe('the simulation finds a bug that is put into the scripts of the gate', () => {
  it.each(GATE_BUGS.map((bug) => [bug.name, bug] as const))(
    '%s',
    async (_name, { scripts, breaks, fromSeed }) => {
      const broken = new Set<string>();
      for (const seed of mixedSeeds(fromSeed)) {
        const { violations } = await runSchedule({ seed, scripts });
        for (const { rule } of violations) broken.add(rule);
        if (breaks.some((rule) => broken.has(rule))) return;
      }
      expect(`none of ${breaks.join()}, but ${[...broken].join() || 'nothing'}`).toBe('found');
    },
    600_000,
  );
});
