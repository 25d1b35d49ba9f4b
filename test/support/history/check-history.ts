import * as beside from './beside-rules.js';
import * as exclusion from './exclusion-rules.js';
import type { Bounds, HistoryEvent, RuleId, Violation } from './history-events.js';
import { indexHistory } from './history-index.js';
import * as progress from './progress-rules.js';

export { believedUntilMs } from './history-index.js';
export type {
  Bounds,
  Happening,
  HeldKind,
  HistoryEvent,
  RuleId,
  Stamp,
  Violation,
} from './history-events.js';

const RULES: Readonly<Record<RuleId, exclusion.HistoryRule>> = {
  M1: beside.exclusion,
  M2: exclusion.rising,
  M3: exclusion.fencing,
  M4: exclusion.stopsInTime,
  M5: exclusion.ownersOnly,
  L1: progress.progress,
  L2: progress.nothingLeft,
  F1: progress.inOrder,
  R1: progress.cleanEnd,
  E1: progress.settles,
};

/**
 * What is wrong with a history; nothing, as it should be. `events` are those of all processes in the order of time: see
 * {@link mergeHistories}.
 */
export function checkHistory(events: readonly HistoryEvent[], bounds: Bounds): Violation[] {
  const history = indexHistory(events);
  return Object.values(RULES).flatMap((rule) => rule(history, bounds));
}

/** The events of all processes as one list in the order of time; those of one process keep their order. */
export function mergeHistories(...histories: (readonly HistoryEvent[])[]): HistoryEvent[] {
  return histories
    .flat()
    .toSorted((a, b) => a.atMs - b.atMs || (a.p < b.p ? -1 : a.p > b.p ? 1 : a.seq - b.seq));
}

/** Shorter idle times are the way of a message and back. */
const NOTEWORTHY_IDLE_MS = 25;

/** What a table of runs shows besides violations. */
export interface HistoryMeasures {
  readonly acquisitions: number;
  /** From call to grant, the longest, in ms. */
  readonly worstWaitMs: number;
  /** Overlapping beliefs: violations inside the bounds of M1, a figure to be told outside them. */
  readonly overlaps: number;
  /** How long after its deadline a loss was told, the longest, in ms; 0 when always before. */
  readonly worstTellMs: number;
  /** How long a name was waited for and held by nobody after everything was healed, the longest, in ms. */
  readonly worstIdleMs: number;
  /** Writes that a stale holder sent and the resource refused. */
  readonly refusedWrites: number;
  /** The largest token of each name, for the next history's `fencesBefore`. */
  readonly fences: ReadonlyMap<string, number>;
}

export function measureHistory(events: readonly HistoryEvent[], bounds: Bounds): HistoryMeasures {
  const history = indexHistory(events);
  const calls = [...history.calls.values()];
  const granted = calls.filter(({ settled }) => settled?.granted);
  const fences = new Map(bounds.fencesBefore);
  for (const { name, fences: own } of granted)
    for (const { fence } of own) fences.set(name, Math.max(fence, fences.get(name) ?? 0));
  return {
    acquisitions: granted.length,
    worstWaitMs: largest(granted.map(({ settled, invokedAtMs }) => settled!.atMs - invokedAtMs)),
    overlaps: beside.overlaps(history, bounds).length,
    worstTellMs: largest(calls.map((call) => exclusion.lossToldLateMs(call, history.processes.get(call.p)))),
    worstIdleMs: largest(progress.idleTimes(history, NOTEWORTHY_IDLE_MS).map(({ ms }) => ms)),
    refusedWrites: calls.flatMap(({ writes }) => writes).filter((w) => w.answer?.type === 'refused').length,
    fences,
  };
}

/** A spread over a list of a million numbers would overflow the stack. */
function largest(numbers: readonly number[]): number {
  return numbers.reduce((max, number) => Math.max(max, number), 0);
}
