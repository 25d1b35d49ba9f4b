import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addCoverage, type Coverage, noCoverage } from './coverage.js';
import { REGRESSIONS } from './regressions.js';
import { runSchedule } from './schedule.js';
import { trace } from './shrink.js';

/** The fast tier. The long one: `npm run test:simulation -- --schedules 200000`. */
const SCHEDULES = 2_500;
const BATCHES = 10;
const BATCH_LIMIT_MS = 600_000;

/** What schedules that break no rule must have been about, and how often at least. */
const ENOUGH: readonly (readonly [what: keyof Coverage, times: number])[] = [
  ['handOffs', 3_000],
  ['kept', 100],
  ['yielded', 300],
  ['refused', 1],
  ['failed', 3],
  ['sent', 5_000],
  ['sentRefused', 5],
  ['sentFailed', 5],
  ['batches', 1_000],
  ['largestBatch', 16],
  ['renewBatches', 5_000],
  ['largestRenewBatch', 16],
  ['fullInStore', 500],
  ['fullHere', 1_000],
  ['joint', 500],
  ['jointWaits', 500],
  ['jointWaitsHolding', 200],
  ['jointLost', 20],
  ['jointNone', 200],
  ['strayListeners', 100],
  ['woken', 10],
  ['gateOpened', 5_000],
  ['gateTakenOver', 800],
  ['gateClosed', 5_000],
  ['toTheGate', 4_000],
  ['fromTheGate', 900],
  ['otherKind', 100],
  ['tooHeavy', 100],
  ['upgradeQueued', 300],
  ['upgradeGivenUp', 40],
  ['upgradeGivenUpLate', 3],
  ['upgraded', 1_000],
  ['upgradeRefused', 100],
  ['downgraded', 800],
  ['readerJoined', 100],
  ['permitHandedOn', 100],
  ['letInTogether', 500],
  ['limitRaised', 60],
  ['limitLowered', 50],
  ['expiredOneOfSeveral', 10],
  ['forcedOneOfSeveral', 1],
  ['layered', 1_000],
  ['entered', 1_000],
];

const { stackTraceLimit } = Error;
beforeAll(() => void (Error.stackTraceLimit = 0)); // half of the time of a schedule went into stacks that nobody reads
afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

async function failuresOf(seeds: Iterable<number>, coverage = noCoverage()): Promise<string[]> {
  const failures: string[] = [];
  for (const seed of seeds) {
    const result = await runSchedule({ seed });
    addCoverage(coverage, result.coverage);
    if (result.violations.length > 0) failures.push(`seed ${seed}\n${trace(result)}`);
  }
  return failures;
}

describe('a schedule', () => {
  it('is replayed exactly by its seed, and another seed makes another one', async () => {
    const prints = new Map<string, number>();
    for (let seed = 1; seed <= 25; seed++) {
      const print = (await runSchedule({ seed })).fingerprint();
      expect((await runSchedule({ seed })).fingerprint()).toBe(print);
      prints.set(print, seed);
    }
    expect(prints.size).toBe(25);
  });

  it('takes locks, lets some wait and some go wrong', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++)
      for (const event of (await runSchedule({ seed })).history)
        seen.add('type' in event ? `${event.f} ${event.type}` : event.f);
    for (const what of [
      'acquire ok',
      'acquire fail',
      'place queued',
      'renew ok',
      'renew unknown',
      'release ok',
    ])
      expect(seen).toContain(what);
    for (const what of [
      'lost',
      'write accepted',
      'write refused',
      'process pause',
      'process crash',
      'process end',
    ])
      expect(seen).toContain(what);
  });
});

describe('no rule is broken', () => {
  const coverage = noCoverage();

  it.each(REGRESSIONS)('by seed %d, which found: %s', async (seed) => {
    expect(await failuresOf([seed])).toEqual([]);
  });

  it.each(Array.from({ length: BATCHES }, (_, batch) => batch))(
    'by the schedules of batch %d',
    async (batch) => {
      const count = SCHEDULES / BATCHES;
      const seeds = Array.from({ length: count }, (_, i) => batch * count + i + 1);
      expect(await failuresOf(seeds, coverage)).toEqual([]);
    },
    BATCH_LIMIT_MS,
  );

  it.each(ENOUGH)('and in them happened often enough: %s', (what, times) => {
    expect(coverage[what]).toBeGreaterThanOrEqual(times);
  });
});
