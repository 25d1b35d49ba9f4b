import { byName, type HistoryRule, ROUNDING_MS, violation } from './exclusion-rules.js';
import { believedUntilMs, type Call, type HistoryIndex } from './history-index.js';
import type { Violation } from './history-events.js';
import { exclude, type Stretch, stretches } from './kinds.js';

/** M1: of one name, at no moment two leases that exclude each other and both believe, nor more permits than its limit. */
export const overlaps: HistoryRule = (history) => {
  const found: Violation[] = [];
  for (const [name, calls] of byName(history.calls.values())) {
    const forces = history.forces.filter((force) => force.name === name);
    const limits = history.limits.filter((limit) => limit.name === name);
    let present: Stretch[] = [];
    for (const next of beliefs(calls, forces)) {
      const { call, fromMs, untilMs, kind } = next;
      present = present.filter((other) => other.untilMs - ROUNDING_MS > fromMs);
      const others = present.filter((other) => other.call !== call);
      const rival = others.find((other) => exclude(kind, other.kind));
      if (rival !== undefined) {
        const bothMs = Math.min(untilMs, rival.untilMs) - fromMs;
        const message = `${call.call} held "${name}" beside ${rival.call.call} for ${bothMs.toFixed(2)} ms`;
        found.push(violation('M1', fromMs, message));
      } else if (kind === 'limited') {
        const sum = others.reduce((all, other) => all + other.call.weight, call.weight);
        const most = largestLimit(call, calls, limits);
        const names = others.map((other) => other.call.call).join();
        if (sum > most)
          found.push(
            violation('M1', fromMs, `${call.call} held "${name}" beside ${names} with ${sum} of ${most}`),
          );
      }
      present.push(next);
    }
  }
  return found;
};

/** A permit that is handed on inside its process was given under the limit of a moment before. */
const SLICE_MS = 1_000;

/** The largest limit that may have been in force when this permit was given: its callers', or an operator's until the next one was set. */
function largestLimit(call: Call, calls: readonly Call[], settings: HistoryIndex['limits']): number {
  const grantedAtMs = call.settled!.atMs;
  const sinceMs = call.invokedAtMs - SLICE_MS;
  const given = Math.max(...calls.map(({ limit = 0 }) => limit));
  const set = settings.map(({ limit, invokedAtMs }, i) => {
    const next = settings.slice(i + 1).find((later) => later.limit !== null && later.endedAtMs < sinceMs);
    return limit === null || invokedAtMs > grantedAtMs || next !== undefined ? 0 : limit;
  });
  // In force since before it asked, and certainly: then that of its callers is not.
  const last = settings.findLast(({ invokedAtMs }) => invokedAtMs <= grantedAtMs);
  const isSure = last !== undefined && last.limit !== null && last.endedAtMs < sinceMs;
  return Math.max(isSure ? 0 : given, ...set);
}

function beliefs(calls: readonly Call[], forces: HistoryIndex['forces']): Stretch[] {
  return calls
    .filter(({ settled }) => settled?.granted)
    .flatMap((call) => {
      const fromMs = call.settled?.atMs ?? 0;
      let untilMs = Math.max(fromMs, believedUntilMs(call));
      // Whoever is ended by force believes until it is told: that is not promised to anybody. Its own grant may still have been on
      // its way at that moment, which only shows in how it ended.
      const wasLost = call.lost !== undefined || call.releases[0]?.result === 'lost';
      for (const force of forces) {
        const mayBeVictim = (wasLost ? call.invokedAtMs : fromMs) <= force.endedAtMs;
        if (mayBeVictim && untilMs > force.invokedAtMs) untilMs = Math.max(fromMs, force.invokedAtMs);
      }
      return stretches(call, fromMs, untilMs);
    })
    .toSorted((a, b) => a.fromMs - b.fromMs);
}

/** M1 is judged only where the faults stayed inside the declared bounds. */
export const exclusion: HistoryRule = (history, bounds) =>
  bounds.exclusive ? overlaps(history, bounds) : [];
