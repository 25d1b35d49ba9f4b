import type { HeldKind } from './history-events.js';
import type { Call } from './indexed-history.js';

/** Who may have a name beside whom, as the guides say it in words. Written by hand, and not read off the library's own rule. */
const BESIDE: Readonly<Record<HeldKind, readonly HeldKind[]>> = {
  exclusive: [],
  shared: ['shared', 'upgradeable', 'intention-shared'],
  upgradeable: ['shared', 'intention-shared'],
  limited: ['limited'],
  'intention-shared': ['intention-shared', 'intention-exclusive', 'shared', 'upgradeable'],
  'intention-exclusive': ['intention-shared', 'intention-exclusive'],
};

export function exclude(one: HeldKind, other: HeldKind): boolean {
  return !BESIDE[one].includes(other);
}

/** How the call held its name then. */
export function kindAt({ kinds }: Pick<Call, 'kinds'>, atMs: number): HeldKind {
  return kinds.findLast(({ fromMs }) => fromMs <= atMs)!.kind;
}

/** A time in which a call held its name in one way. */
export interface Stretch {
  readonly call: Call;
  readonly kind: HeldKind;
  readonly fromMs: number;
  readonly untilMs: number;
}

/** What a call held between two moments, cut where its kind changed. */
export function stretches(call: Call, fromMs: number, untilMs: number): Stretch[] {
  return call.kinds.flatMap(({ kind, fromMs: since }, i) => {
    const next = call.kinds[i + 1]?.fromMs ?? Infinity;
    const stretch = { call, kind, fromMs: Math.max(fromMs, since), untilMs: Math.min(untilMs, next) };
    return stretch.untilMs > stretch.fromMs ? [stretch] : [];
  });
}
