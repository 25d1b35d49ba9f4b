import type { Bounds, RuleId, Violation } from './history-events.js';
import {
  believedUntilMs,
  type Call,
  type HistoryIndex,
  type ProcessLife,
  type Told,
} from './history-index.js';
import { exclude, kindAt } from './kinds.js';

/** A rule looks at a history and says what is wrong with it. */
export type HistoryRule = (history: HistoryIndex, bounds: Bounds) => Violation[];

/** Two numbers that were one moment on two clocks with a common start may differ by their rounding. */
export const ROUNDING_MS = 0.01;
const TELL_MS = 250;

export function violation(rule: RuleId, atMs: number, message: string): Violation {
  return { rule, atMs, message };
}

export function lateness(rule: RuleId, atMs: number, message: string): Violation {
  return { rule, atMs, message, late: true };
}

export function byName(calls: Iterable<Call>): Map<string, Call[]> {
  const names = new Map<string, Call[]>();
  for (const call of calls) {
    const known = names.get(call.name);
    if (known === undefined) names.set(call.name, [call]);
    else known.push(call);
  }
  return names;
}

/** How long none of the code of this process ran, between two moments. */
export function pausedMs(life: ProcessLife | undefined, fromMs: number, untilMs: number): number {
  let sum = 0;
  let countedUntilMs = fromMs;
  // Oldest first, as they stand; two who saw the same pause count it once.
  for (const pause of life?.pauses ?? []) {
    const endMs = Math.min(untilMs, pause.untilMs);
    sum += Math.max(0, endMs - Math.max(countedUntilMs, pause.fromMs));
    countedUntilMs = Math.max(countedUntilMs, endMs);
  }
  return sum;
}

interface Granted extends Told {
  readonly call: Call;
}

function grantsOf(calls: readonly Call[]): Granted[] {
  return calls
    .flatMap((call) => call.fences.map((told) => ({ ...told, call })))
    .toSorted((a, b) => a.atMs - b.atMs);
}

/** Readers behind one hold share its token, and so do those to whom a permit is handed on: in one process. */
function mayShare(one: Granted, other: Granted): boolean {
  return one.kind !== 'exclusive' && one.kind === other.kind && one.call.p === other.call.p;
}

/**
 * M2: whoever asks after another one was granted gets a larger token; no token is given out twice. Of those who share a name only whoever
 * holds it alone is above, and below.
 */
export const rising: HistoryRule = (history, bounds) => {
  const found: Violation[] = [];
  for (const [name, calls] of byName(history.calls.values())) {
    const grants = grantsOf(calls);
    const owners = new Map<number, Granted>();
    for (const granted of grants) {
      const { call, fence, atMs } = granted;
      const owner = owners.get(fence);
      if (owner !== undefined && owner.call !== call && !mayShare(owner, granted))
        found.push(
          violation('M2', atMs, `${owner.call.call} and ${call.call} both have token ${fence} of "${name}"`),
        );
      owners.set(fence, granted);
    }
    let next = 0;
    let ofAll = bounds.fencesBefore?.get(name) ?? -Infinity;
    let ofWriters = -Infinity;
    for (const granted of grants.toSorted((a, b) => a.askedAtMs - b.askedAtMs)) {
      for (; next < grants.length && grants[next]!.atMs < granted.askedAtMs; next++) {
        const { fence, kind } = grants[next]!;
        ofAll = Math.max(ofAll, fence);
        if (kind === 'exclusive') ofWriters = Math.max(ofWriters, fence);
      }
      const largest = granted.kind === 'exclusive' ? ofAll : ofWriters;
      if (granted.fence > largest || bounds.rising === false) continue;
      const message = `${granted.call.call} asked for "${name}" after token ${largest} was granted and got ${granted.fence}`;
      found.push(violation('M2', granted.atMs, message));
    }
  }
  return found;
};

/** M3: the resource never accepts a write after one with a larger token, and holds what was accepted last. */
export const fencing: HistoryRule = (history) => {
  const found: Violation[] = [];
  const named = byName(history.calls.values());
  for (const [name, calls] of named) {
    const writes = calls.flatMap((call) => call.writes.map((write) => ({ ...write, call })));
    const accepted = writes
      .filter(({ answer }) => answer?.type === 'accepted')
      .toSorted((a, b) => (a.answer?.version ?? 0) - (b.answer?.version ?? 0));
    let largest = -Infinity;
    for (const { fence, call, invokedAtMs } of accepted) {
      if (fence < largest)
        found.push(
          violation(
            'M3',
            invokedAtMs,
            `"${name}" took token ${fence} of ${call.call} after token ${largest}`,
          ),
        );
      largest = Math.max(largest, fence);
    }
    const unanswered = new Set(writes.filter((w) => w.answer === undefined).map((w) => w.fence));
    for (const seen of history.observed) {
      if (seen.f !== 'resource' || seen.name !== name) continue;
      const possible = seen.fence === largest || (seen.fence > largest && unanswered.has(seen.fence));
      if (!possible)
        found.push(
          violation(
            'M3',
            seen.atMs,
            `"${name}" holds token ${seen.fence}, the accepted writes say ${largest}`,
          ),
        );
    }
  }
  return found;
};

/** M4: nothing is written once the lease has ended, and the end is told in time. */
export const stopsInTime: HistoryRule = (history, bounds) => {
  const tellMs = bounds.tellMs ?? TELL_MS;
  const found: Violation[] = [];
  for (const call of history.calls.values()) {
    const life = history.processes.get(call.p);
    const untilMs = believedUntilMs(call);
    for (const { checkedAtMs, invokedAtMs } of call.writes) {
      if (checkedAtMs > untilMs + ROUNDING_MS) {
        const lateMs = (checkedAtMs - untilMs).toFixed(2);
        found.push(violation('M4', invokedAtMs, `${call.call} was told "held" ${lateMs} ms after its end`));
      } else if (invokedAtMs > untilMs + tellMs + pausedMs(life, checkedAtMs, invokedAtMs)) {
        found.push(lateness('M4', invokedAtMs, `${call.call} wrote long after its lease had ended`));
      }
    }
    const lateMs = lossToldLateMs(call, life);
    if (lateMs > tellMs)
      found.push(
        lateness('M4', call.lost?.atMs ?? 0, `${call.call} was told its loss ${lateMs.toFixed(0)} ms late`),
      );
  }
  return found;
};

/** How long after its deadline a lease told that it is lost, not counting the time when its process did not run. */
export function lossToldLateMs(call: Call, life: ProcessLife | undefined): number {
  if (call.lost === undefined) return 0;
  const { atMs, deadlineMs } = call.lost;
  return atMs - deadlineMs - pausedMs(life, deadlineMs, atMs);
}

/** M5: who is not the owner is never told success; after the end of a lease nothing renews it. */
export const ownersOnly: HistoryRule = (history) => {
  const found: Violation[] = [];
  for (const calls of byName(history.calls.values()).values()) {
    const grants = grantsOf(calls);
    for (const call of calls) found.push(...afterItsEnd(call), ...afterTheNext(call, grants));
  }
  return found;
};

function afterItsEnd(call: Call): Violation[] {
  const found: Violation[] = [];
  const [release] = call.releases;
  const endIndex = Math.min(release?.invoked.index ?? Infinity, call.lost?.index ?? Infinity);
  for (const { invoked } of call.renewals)
    if (invoked.index > endIndex)
      found.push(violation('M5', invoked.atMs, `${call.call} was renewed after its lease had ended`));
  for (const { invoked, result } of call.releases)
    if (result === 'released' && call.lost !== undefined && call.lost.index < invoked.index)
      found.push(violation('M5', invoked.atMs, `${call.call} was lost and then told "released"`));
  const results = new Set(call.releases.map(({ result }) => result).filter((result) => result !== undefined));
  if (results.size > 1)
    found.push(
      violation(
        'M5',
        release?.invoked.atMs ?? 0,
        `${call.call}: releases told ${[...results].join(' and ')}`,
      ),
    );
  return found;
}

function afterTheNext(call: Call, grants: readonly Granted[]): Violation[] {
  const successes = [
    ...call.renewals.map(({ invoked, answer }) => ({ invoked, ok: answer?.type === 'ok', told: 'renewed' })),
    ...call.releases.map(({ invoked, result, asked }) => ({
      invoked,
      ok: result === 'released' && asked !== false,
      told: 'released',
    })),
  ].filter(({ ok }) => ok);
  if (successes.length === 0) return [];
  const own = call.fences.at(-1)?.fence ?? Infinity;
  // Only few are granted between this call's grant and its end: look from its own grant on.
  const start = grants.findIndex((granted) => granted.call === call);
  const found: Violation[] = [];
  for (const { invoked, told } of successes)
    for (let i = start; i >= 0 && i < grants.length && grants[i]!.atMs < invoked.atMs; i++) {
      const next = grants[i]!;
      if (next.call === call || next.fence <= own || !exclude(next.kind, kindAt(call, invoked.atMs)))
        continue;
      const message = `${call.call} (token ${own}) was told "${told}" although ${next.call.call} had token ${next.fence} before`;
      found.push(violation('M5', invoked.atMs, message));
    }
  return found;
}
