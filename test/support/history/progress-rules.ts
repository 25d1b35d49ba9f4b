import type { HistoryRule } from './exclusion-rules.js';
import { byName, lateness, pausedMs, violation } from './exclusion-rules.js';
import type { Violation } from './history-events.js';
import { believedUntilMs, type Call, type HistoryIndex, type Place } from './history-index.js';

const SETTLE_MS = 250;

/** A time in which somebody waited for a name and nobody held it. */
export interface Idle {
  readonly name: string;
  readonly fromMs: number;
  readonly ms: number;
}

/**
 * L1: once everything is healed, a name that is waited for is not left idle for long. Time in which any of the processes did not run is
 * not counted: the next turn may have been its.
 */
export const progress: HistoryRule = (history, { idleMs }) =>
  idleTimes(history, idleMs).map(({ name, fromMs, ms }) =>
    lateness('L1', fromMs, `"${name}" was waited for and held by nobody for ${ms.toFixed(0)} ms`),
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

function idleTimesOf(name: string, calls: readonly Call[], history: HistoryIndex): Idle[] {
  const found: Idle[] = [];
  let waiting = 0;
  let holding = 0;
  let fromMs: number | undefined;
  const end = (untilMs: number) => {
    const start = Math.max(fromMs ?? Infinity, history.healedAtMs);
    if (untilMs > start) found.push({ name, fromMs: start, ms: untilMs - start });
    fromMs = undefined;
  };
  for (const { atMs, waits, holds } of changesOf(name, calls, history)) {
    waiting += waits;
    holding += holds;
    const idle = waiting > 0 && holding === 0;
    // A grant ends an idle time even if its lease ends at the same moment.
    if (fromMs !== undefined && (!idle || holds > 0)) end(atMs);
    if (idle) fromMs ??= atMs;
  }
  if (fromMs !== undefined) end(history.endsAtMs);
  return found;
}

function changesOf(
  name: string,
  calls: readonly Call[],
  { parts }: HistoryIndex,
): { atMs: number; waits: number; holds: number }[] {
  const held = parts
    .filter((part) => part.name === name)
    .flatMap(({ fromMs, untilMs }) => [
      { atMs: fromMs, waits: 0, holds: 1 },
      { atMs: untilMs, waits: 0, holds: -1 },
    ]);
  return calls
    .flatMap((call) => {
      const { invokedAtMs, settled, crashedAtMs = Infinity, inLine } = call;
      const settledAtMs = Math.min(settled?.atMs ?? Infinity, crashedAtMs);
      const changes = inLine ? [{ atMs: invokedAtMs, waits: 1, holds: 0 }] : [];
      const waits = inLine ? -1 : 0;
      if (settled?.granted !== true) return [...changes, { atMs: settledAtMs, waits, holds: 0 }];
      const untilMs = Math.max(settledAtMs, believedUntilMs(call));
      return [...changes, { atMs: settledAtMs, waits, holds: 1 }, { atMs: untilMs, waits: 0, holds: -1 }];
    })
    .concat(held)
    .filter(({ atMs }) => atMs < Infinity)
    .toSorted((a, b) => a.atMs - b.atMs || b.holds - a.holds);
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
    const line = JSON.stringify([call.p, call.name]);
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
    let last: Place | undefined;
    for (const place of places.toSorted((a, b) => a.askedAtMs - b.askedAtMs)) {
      for (; next < queued.length && queued[next]!.queuedAtMs! < place.askedAtMs; next++)
        if (last === undefined || queued[next]!.grantedAtMs! > last.grantedAtMs!) last = queued[next];
      if (last === undefined || last.grantedAtMs! <= place.grantedAtMs!) continue;
      const message = `${place.place} asked for "${name}" when ${last.place} was queued, and was served before it`;
      found.push(violation('F1', place.grantedAtMs!, message));
    }
  }
  return found;
}
