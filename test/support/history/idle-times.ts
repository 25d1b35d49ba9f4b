import type { HistoryIndex } from './history-index.js';
import { believedUntilMs, type Call } from './history-index.js';
import type { HeldKind } from './history-events.js';
import { exclude, stretches } from './kinds.js';

/** A time in which somebody waited for a name, and nobody who held it was in the way. */
export interface Idle {
  readonly name: string;
  readonly fromMs: number;
  readonly ms: number;
}

interface Change {
  readonly atMs: number;
  readonly by: 1 | -1;
  /** `blocks`: may be first in the queue and keep others out, though it is not known when; an upgrade, one of several names. */
  readonly what: 'waits' | 'holds' | 'blocks';
  readonly kind: HeldKind;
  readonly weight: number;
}

/** Who holds a name and who waits for it, counted. */
class Present {
  readonly #waiting = new Map<string, { readonly kind: HeldKind; readonly weight: number; count: number }>();
  readonly #holding = new Map<HeldKind, number>();
  #held = 0;
  #used = 0;
  #waits = 0;
  #blocks = 0;

  /** @param limit the smallest that may be in force */
  constructor(private readonly limit: number) {}

  take({ what, by, kind, weight }: Change): void {
    if (what === 'blocks') this.#blocks += by;
    else if (what === 'waits') {
      const key = `${kind} ${weight}`;
      const known = this.#waiting.get(key) ?? { kind, weight, count: 0 };
      known.count += by;
      this.#waits += by;
      this.#waiting.set(key, known);
    } else {
      this.#holding.set(kind, (this.#holding.get(kind) ?? 0) + by);
      this.#held += by;
      this.#used += by * weight;
    }
  }

  /** Whoever is first in the queue, it would fit. */
  get isIdle(): boolean {
    if (this.#waits === 0) return false;
    if (this.#held === 0) return true;
    if (this.#blocks > 0) return false;
    const holders = [...this.#holding].filter(([, count]) => count > 0).map(([kind]) => kind);
    return [...this.#waiting.values()].every(
      ({ kind, weight, count }) =>
        count === 0 ||
        (!holders.some((holder) => exclude(kind, holder)) &&
          (kind !== 'limited' || this.#used + weight <= this.limit)),
    );
  }
}

export function idleTimesOf(name: string, calls: readonly Call[], history: HistoryIndex): Idle[] {
  const found: Idle[] = [];
  const present = new Present(smallestLimit(name, calls, history));
  let fromMs: number | undefined;
  const end = (untilMs: number) => {
    const start = Math.max(fromMs ?? Infinity, history.healedAtMs);
    if (untilMs > start) found.push({ name, fromMs: start, ms: untilMs - start });
    fromMs = undefined;
  };
  for (const change of changesOf(name, calls, history)) {
    present.take(change);
    // A grant ends an idle time even if its lease ends at the same moment, and even if another one would fit too: it is that one's turn.
    const isGrant = change.what === 'holds' && change.by === 1;
    if (fromMs !== undefined && (isGrant || !present.isIdle)) end(change.atMs);
    if (present.isIdle) fromMs ??= change.atMs;
  }
  if (fromMs !== undefined) end(history.endsAtMs);
  return found;
}

function smallestLimit(name: string, calls: readonly Call[], { limits }: HistoryIndex): number {
  const set = limits.filter((setting) => setting.name === name).flatMap(({ limit }) => limit ?? []);
  return Math.min(...calls.map(({ limit }) => limit ?? Infinity), ...set);
}

function changesOf(name: string, calls: readonly Call[], { parts }: HistoryIndex): Change[] {
  const held = parts
    .filter((part) => part.name === name)
    .flatMap(({ fromMs, untilMs }) =>
      between({ what: 'holds', kind: 'exclusive', weight: 1 }, fromMs, untilMs),
    );
  return calls
    .flatMap((call) => {
      const { invokedAtMs, settled, crashedAtMs = Infinity, inLine, weight, kinds, upgrades } = call;
      const settledAtMs = Math.min(settled?.atMs ?? Infinity, crashedAtMs);
      const what = inLine ? ('waits' as const) : ('blocks' as const);
      const changes = between({ what, kind: kinds[0]!.kind, weight }, invokedAtMs, settledAtMs);
      for (const { fromMs, untilMs } of upgrades)
        changes.push(
          ...between({ what: 'blocks', kind: 'exclusive', weight }, fromMs, Math.min(untilMs, crashedAtMs)),
        );
      if (settled?.granted !== true) return changes;
      const untilMs = Math.max(settledAtMs, believedUntilMs(call));
      const turns =
        untilMs === settledAtMs
          ? [{ kind: kinds[0]!.kind, fromMs: settledAtMs, untilMs }]
          : stretches(call, settledAtMs, untilMs);
      return [
        ...changes,
        ...turns.flatMap((turn) =>
          between({ what: 'holds', kind: turn.kind, weight }, turn.fromMs, turn.untilMs),
        ),
      ];
    })
    .concat(held)
    .filter(({ atMs }) => atMs < Infinity)
    .toSorted((a, b) => a.atMs - b.atMs || rank(b) - rank(a));
}

/** At one moment holders come before others, and who comes before who goes. */
const rank = ({ what, by }: Change) => (what === 'holds' ? by : 0);

function between(change: Omit<Change, 'atMs' | 'by'>, fromMs: number, untilMs: number): Change[] {
  return [
    { ...change, atMs: fromMs, by: 1 },
    { ...change, atMs: untilMs, by: -1 },
  ];
}
