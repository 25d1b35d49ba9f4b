/** A timer may fire a little before its time by the wall clock; ticks are a second apart at least. */
const EARLY_MS = 50;
const FIRST_LOOK_MS = 2_000;
/** A tick that is later than this was slept over: 4 days. */
const LONGEST_LOOK_MS = 4 * 86_400_000;

/**
 * Which scheduled time a job belongs to that starts now: the last one that has come. Instances whose clocks differ start it at different
 * moments, and each finds the same time by its own clock.
 *
 * @param next the first scheduled time after a moment, both in ms since 1970; Infinity: there is none
 * @returns undefined: none of the last days
 */
export function lastScheduledMs(next: (afterMs: number) => number, nowMs: number): number | undefined {
  const untilMs = nowMs + EARLY_MS;
  // A schedule only tells what comes next, so it is asked from further and further back; as a rule the first look finds it.
  for (let lookMs = FIRST_LOOK_MS; lookMs <= LONGEST_LOOK_MS; lookMs *= 4) {
    let found: number | undefined;
    for (let atMs = next(untilMs - lookMs); atMs <= untilMs; atMs = next(atMs)) found = atMs;
    if (found !== undefined) return found;
  }
  return undefined;
}
