import type { SeededRandom } from './seeded-random.js';
import type { Refusal } from './simulated-server.js';

export const MESSAGE_FAULTS = [
  'dropRequest',
  'dropReply',
  'swallowReply',
  'duplicate',
  'reorder',
  'delay',
  'losePush',
] as const;
export const CLIENT_FAULTS = [
  'blackHole',
  'cut',
  'freeze',
  'crash',
  'sleep',
  'wallStep',
  'slowLoop',
] as const;
export const STORE_FAULTS = [
  'storeFreeze',
  'storeRestart',
  'storeDataLoss',
  'storeClockForward',
  'storeClockBack',
  'storeRefusal',
  'scriptFlush',
] as const;

/** The address leads to another server from now on, and no connection is closed: some go on listening at what is a replica now. */
export const ASTRAY = 'astray';

export type FaultKind =
  | typeof ASTRAY
  | (typeof MESSAGE_FAULTS)[number]
  | (typeof CLIENT_FAULTS)[number]
  | (typeof STORE_FAULTS)[number];

export const FAULT_KINDS: readonly FaultKind[] = [...MESSAGE_FAULTS, ...CLIENT_FAULTS, ...STORE_FAULTS];

/** One thing that goes wrong in a schedule. */
export interface Fault {
  readonly kind: FaultKind;
  readonly atMs: number;
  readonly forMs: number;
  /** Which process, where the fault is about one. */
  readonly process: number;
  /** Probability per message, or a number of ms to step by: see where it is used. */
  readonly amount: number;
  readonly refusal: Refusal;
}

const REFUSALS: readonly Refusal[] = ['READONLY', 'OOM', 'LOADING', 'NOPERM', 'BUSY', 'MASTERDOWN'];

/** Some faults only matter when they last, some only when they are short. */
const LONGEST_MS: Partial<Record<FaultKind, number>> = {
  storeFreeze: 4_000,
  storeRestart: 4_000,
  freeze: 6_000,
  sleep: 8_000,
};
const USUAL_LONGEST_MS = 5_000;

/** From a stream of its own, so that the rest of a plan is what it was before there was this fault. */
export function planAstray(random: SeededRandom, processes: number, horizonMs: number): Fault[] {
  const count = random.chance(0.8) ? 0 : random.integer(1, 4);
  return Array.from({ length: count }, () => ({
    kind: ASTRAY,
    atMs: random.between(0, horizonMs),
    forMs: 0,
    process: random.integer(0, processes - 1),
    amount: 0,
    refusal: 'READONLY' as const,
  }));
}

/** What goes wrong, when and for how long: fixed before the first event, so that parts of it can be left out. */
export function planFaults(random: SeededRandom, processes: number, horizonMs: number): Fault[] {
  const count = random.chance(0.12) ? 0 : random.integer(1, 6);
  const favourite = random.pick(FAULT_KINDS);
  return Array.from({ length: count }, () => {
    const kind = random.chance(0.4) ? favourite : random.pick(FAULT_KINDS);
    const longestMs = LONGEST_MS[kind] ?? USUAL_LONGEST_MS;
    return {
      kind,
      atMs: random.between(0, horizonMs),
      forMs: random.chance(0.5) ? random.between(1, 300) : random.between(300, longestMs),
      process: random.integer(0, processes - 1),
      amount: random.next(),
      refusal: random.pick(REFUSALS),
    };
  });
}

/** Outside the bounds of exclusion: the store loses data, or its clock goes ahead of everybody's (docs/guarantees.md). */
export function staysExclusive(faults: readonly Fault[]): boolean {
  return !faults.some(({ kind }) => ['storeDataLoss', 'storeClockForward', 'sleep'].includes(kind));
}
