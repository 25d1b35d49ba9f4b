import type { GateKeys } from '../redis-keys.js';

/** Which keys each script takes, in its order. */
export const GATE_KEYS = {
  'gate-acquire': ['state', 'queue', 'waiting', 'holders', 'records', 'limit'],
  'gate-release': ['state', 'waiting', 'holders', 'records'],
  'gate-renew': ['state', 'waiting', 'holders', 'records'],
  'gate-upgrade': ['state', 'waiting', 'holders', 'records'],
  'gate-downgrade': ['state', 'queue', 'waiting', 'holders', 'records'],
  'gate-force': ['state', 'waiting', 'holders', 'records'],
  'gate-inspect': ['state', 'waiting', 'holders', 'records'],
  'gate-limit': ['state', 'waiting', 'holders', 'records', 'limit'],
} as const satisfies Record<string, readonly (keyof GateKeys)[]>;

export type GateScript = keyof typeof GATE_KEYS;

/** The keys of one call: of all locks the first, then of all the second, and so on. */
export function keysOf(script: GateScript, locks: readonly GateKeys[]): string[] {
  return GATE_KEYS[script].flatMap((name) => locks.map((keys) => keys[name]));
}
