import type { AcquireRequest, HeldMode } from '../../lock-store.js';

/** How the scripts write a mode; see scripts/PROTOCOL.md. */
export type GateMode = 'x' | 's' | 'u' | 'l' | 'i' | 'I';

const LETTERS = {
  exclusive: 'x',
  shared: 's',
  upgradeable: 'u',
  'intention-shared': 'i',
  'intention-exclusive': 'I',
} as const;
const NAMES: Readonly<Record<GateMode, HeldMode>> = {
  x: 'exclusive',
  s: 'shared',
  u: 'upgradeable',
  l: 'limited',
  i: 'intention-shared',
  I: 'intention-exclusive',
};

/** The longest lease for which format 1 has room, in ms. */
export const LONGEST_PLAIN_MS = 99_999_999;

export function gateModeOf({ mode, limit }: Pick<AcquireRequest, 'mode' | 'limit'>): GateMode {
  return limit === undefined ? LETTERS[mode] : 'l';
}

export function nameOfMode(letter: string): HeldMode {
  return NAMES[letter as GateMode];
}

/** Only the scripts of the general gate know such a request. */
export function needsGate({
  mode,
  limit,
  leaseMs,
}: Pick<AcquireRequest, 'mode' | 'limit' | 'leaseMs'>): boolean {
  return mode !== 'exclusive' || limit !== undefined || leaseMs > LONGEST_PLAIN_MS;
}
