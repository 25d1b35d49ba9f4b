import type { HistoryRule } from './exclusion-rules.js';
import { byName, lateness, pausedMs, violation } from './exclusion-rules.js';
import type { HeldKind, Violation } from './history-events.js';
import type { Call, HistoryIndex, Place } from './history-index.js';
import { type Idle, idleTimesOf } from './idle-times.js';
import { exclude } from './kinds.js';

const SETTLE_MS = 250;

/**
 * L1: once everything is healed, nobody is kept waiting for long by nobody. Time in which any of the processes did not run is
 * not counted: the next turn may have been its.
 */
export const progress: HistoryRule = (history, { idleMs }) =>
  idleTimes(history, idleMs).map(({ name, fromMs, ms }) =>
    lateness(
      'L1',
      fromMs,
      `"${name}" was waited for and held by nobody who was in the way for ${ms.toFixed(0)} ms`,
    ),
  );

/** Those longer than this, without the time in which some process did not run. */
export function idleTimes(history: HistoryIndex, longerThanMs = 0): Idle[] {
  const pauses = [...history.processes.values()]
    .flatMap(({ pauses: own, crashedAtMs = Infinity }) =>
      own.map(({ by, fromMs, untilMs }) => ({ by, fromMs, untilMs: Math.min(untilMs, crashedAtMs) })),
    )
    .toSorted((x, y) => x.fromMs - y.fromMs);
  return [...byName(history.calls.values())]
    .flatMap(([name, calls]) => idleTimesOf(name, calls, history))
    .filter(({ ms }) => ms > longerThanMs)
    .map((idle) => ({ ...idle, ms: idle.ms - pausedMs({ pauses }, idle.fromMs, idle.fromMs + idle.ms) }))
    .filter(({ ms }) => ms > longerThanMs);
}

/** L2: nothing is left in the store. */
export const nothingLeft: HistoryRule = ({ observed }) =>
  observed.flatMap((event) =>
    event.f === 'keys' && event.left.length > 0
      ? [violation('L2', event.atMs, `left in the store: ${event.left.slice(0, 5).join(', ')}`)]
      : [],
  );

/** R1: a process that has ended has left nothing behind. */
export const cleanEnd: HistoryRule = ({ processes, endsAtMs }) =>
  [...processes].flatMap(([p, { leftovers = [] }]) =>
    leftovers.length > 0 ? [violation('R1', endsAtMs, `${p} ended with ${leftovers.join(', ')}`)] : [],
  );

/** E1: every acquire settles within its own bound, as long as the event loop of its process turns. */
export const settles: HistoryRule = (history, { settleMs = SETTLE_MS }) => {
  const found: Violation[] = [];
  for (const call of history.calls.values()) {
    if (call.boundMs === null) continue;
    const life = history.processes.get(call.p);
    if (call.settled === undefined && call.crashedAtMs !== undefined) continue;
    const settledAtMs = call.settled?.atMs ?? history.endsAtMs;
    const tookMs = settledAtMs - call.invokedAtMs - pausedMs(life, call.invokedAtMs, settledAtMs);
    if (tookMs <= call.boundMs + settleMs) continue;
    const how = call.settled === undefined ? 'had not settled after' : 'settled after';
    const message = `${call.call} on "${call.name}" ${how} ${tookMs.toFixed(0)} ms; its bound was ${call.boundMs} ms`;
    found.push(lateness('E1', settledAtMs, message));
  }
  return found;
};

/** F1: first come, first served inside a process; between processes in the order of the queue. Only without faults. */
export const inOrder: HistoryRule = (history, bounds) =>
  bounds.ordered ? [...localOvertakes(history), ...queueOvertakes(history)] : [];

function localOvertakes(history: HistoryIndex): Violation[] {
  const lines = new Map<string, Call>();
  const found: Violation[] = [];
  for (const call of history.calls.values()) {
    if (!call.inLine || call.settled?.granted !== true) continue;
    const line = JSON.stringify([call.p, call.name, call.kinds[0]?.kind]);
    const before = lines.get(line);
    lines.set(line, before === undefined || before.settled!.index < call.settled.index ? call : before);
    if (before === undefined || before.settled!.index < call.settled.index) continue;
    const message = `${call.call} was served before ${before.call}, which had called before it in ${call.p}`;
    found.push(violation('F1', call.settled.atMs, message));
  }
  return found;
}

function queueOvertakes(history: HistoryIndex): Violation[] {
  const names = new Map<string, Place[]>();
  for (const place of history.places.values()) {
    if (place.grantedAtMs === undefined) continue;
    const known = names.get(place.name);
    if (known === undefined) names.set(place.name, [place]);
    else known.push(place);
  }
  const found: Violation[] = [];
  for (const [name, places] of names) {
    const queued = places
      .filter(({ queuedAtMs }) => queuedAtMs !== undefined)
      .toSorted((a, b) => a.queuedAtMs! - b.queuedAtMs!);
    let next = 0;
    /** Of each kind the one that was served last. */
    const last = new Map<HeldKind, Place>();
    for (const place of places.toSorted((a, b) => a.askedAtMs - b.askedAtMs)) {
      for (; next < queued.length && queued[next]!.queuedAtMs! < place.askedAtMs; next++)
        if (queued[next]!.grantedAtMs! > (last.get(queued[next]!.kind)?.grantedAtMs ?? -Infinity))
          last.set(queued[next]!.kind, queued[next]!);
      // Those who share are let in together, and may hear of it in any order.
      const before = [...last.values()].find(
        (other) => exclude(other.kind, place.kind) && other.grantedAtMs! > place.grantedAtMs!,
      );
      if (before === undefined) continue;
      const message = `${place.place} asked for "${name}" when ${before.place} was queued, and was served before it`;
      found.push(violation('F1', place.grantedAtMs!, message));
    }
  }
  return found;
}
