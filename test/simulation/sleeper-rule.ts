import type { HistoryEvent, Violation } from '../support/history/check-history.js';
import { believedUntilMs } from '../support/history/check-history.js';
import { exclude, kindAt } from '../support/history/kinds.js';
import { indexHistory } from '../support/history/history-index.js';
import type { HeldReading } from './recorder.js';

/**
 * M1 where machines sleep. A sleeping machine's deadline stands still, so the time up to it says nothing; what its lease says when it
 * is asked must be right all the same. So: at no reading of `held` does a lease of a process that never slept hold too.
 */
export function heldBesideAnother(
  history: readonly HistoryEvent[],
  readings: readonly HeldReading[],
): Violation[] {
  const { calls, processes } = indexHistory(history);
  const sleepers = new Set([...processes].filter(([, { pauses }]) => pauses.length > 0).map(([p]) => p));
  const awake = [...calls.values()].filter(({ p, settled }) => settled?.granted === true && !sleepers.has(p));
  const kindOf = ({ call, atMs }: HeldReading) => kindAt(calls.get(call)!, atMs);
  return readings
    .filter(({ p }) => sleepers.has(p))
    .flatMap((reading) =>
      awake
        .filter(({ name, settled }) => name === reading.name && (settled?.atMs ?? Infinity) < reading.atMs)
        .filter((other) => reading.atMs < believedUntilMs(other))
        .filter((other) => exclude(kindOf(reading), kindAt(other, reading.atMs)))
        .map((other) => ({
          rule: 'M1' as const,
          atMs: reading.atMs,
          message: `${reading.call} was told "held" while ${other.call} held "${other.name}" too`,
        })),
    );
}
