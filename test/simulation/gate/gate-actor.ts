import type { SeededRandom } from '../seeded-random.js';
import { digits, type Mode, type Request } from './words.js';

export const LEASES_MS = [1_000, 3_000, 8_000, 30_000, 200_000_000];

/** One acquisition as a client remembers it. */
export interface Actor extends Request {
  fence: number;
  used: number;
  lineage: number;
  queued: boolean;
  waits: boolean;
  ticket: number;
}

/** What a sequence is about: how often each mode is asked for, and whether processes of an older release are beside. */
export interface Mix {
  readonly modes: readonly Mode[];
  readonly olderRelease: boolean;
}

export const MIXES: Readonly<Record<string, Mix>> = {
  'readers and writers': { modes: ['s', 's', 's', 'x', 'u', 'u'], olderRelease: false },
  limits: { modes: ['l', 'l', 'l', 'l', 'x'], olderRelease: false },
  layers: { modes: ['i', 'i', 'I', 'I', 's', 'u', 'x'], olderRelease: false },
  everything: { modes: ['x', 's', 'u', 'l', 'i', 'I'], olderRelease: false },
  'a rolling deploy': { modes: ['x', 'x', 's', 'l'], olderRelease: true },
};

export function newActor(
  random: SeededRandom,
  {
    mix,
    channels,
    number,
  }: { readonly mix: Mix; readonly channels: readonly string[]; readonly number: number },
): Actor {
  const mode = random.pick(mix.modes);
  const channel = random.pick(channels);
  return {
    token: `token-${digits(number, 4)}-abcdefghijk`,
    tail: `${channel}${random.chance(0.1) ? '!' : ''}|${random.pick(['', 'label', 'ünïcode ✓'])}`,
    mode,
    weight: mode === 'l' ? random.integer(1, 4) : 1,
    limit: mode === 'l' ? random.integer(2, 5) : 0,
    leaseMs: random.chance(0.9) ? random.pick(LEASES_MS.slice(0, -1)) : LEASES_MS.at(-1)!,
    waits: true,
    ticket: 0,
    most: random.chance(0.2) ? random.integer(0, 2) : 10_000,
    fence: 0,
    used: 0,
    lineage: 0,
    queued: false,
  };
}
