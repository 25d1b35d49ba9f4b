import { describe, expect, it } from '@jest/globals';
import { lastScheduledMs } from '../../src/schedule/scheduled-time.js';

/** Every so many ms. */
const every = (ms: number) => (afterMs: number) => (Math.floor(afterMs / ms) + 1) * ms;
const HOUR_MS = 3_600_000;

describe('the scheduled time that a job belongs to', () => {
  it.each([
    ['exactly then', 10_000, 10_000],
    ['a little later', 10_400, 10_000],
    ['just before the next', 10_949, 10_000],
    ['a little too early, by its own clock', 9_960, 10_000],
  ])('which starts %s', (_when, nowMs, scheduledMs) => {
    expect(lastScheduledMs(every(1_000), nowMs)).toBe(scheduledMs);
  });

  it('is found however long it is ago, up to a few days, in few questions', () => {
    let asked = 0;
    const hourly = (afterMs: number) => ((asked += 1), every(HOUR_MS)(afterMs));
    expect(lastScheduledMs(hourly, 100 * HOUR_MS + 3_000_000)).toBe(100 * HOUR_MS);
    expect(asked).toBeLessThan(15);
    const once = (afterMs: number) => (afterMs < HOUR_MS ? HOUR_MS : Infinity);
    expect(lastScheduledMs(once, 20 * HOUR_MS)).toBe(HOUR_MS);
    expect(lastScheduledMs(once, 2_000 * HOUR_MS)).toBeUndefined();
  });

  it('is the same for all instances, however far their clocks differ and however short the period is', () => {
    const skewsMs = [-5_000, -1, 0, 3_333, 5_000];
    const seen = skewsMs.map((skewMs) => {
      const ticks = new Set<number | undefined>();
      for (let tickMs = 100_000; tickMs < 110_000; tickMs += 1_000) {
        const firesAtMs = tickMs - skewMs + 20; // when its own clock says so
        ticks.add(lastScheduledMs(every(1_000), firesAtMs + skewMs));
      }
      return [...ticks];
    });
    for (const ticks of seen) expect(ticks).toEqual(seen[0]);
    expect(seen[0]).toHaveLength(10);
  });
});
