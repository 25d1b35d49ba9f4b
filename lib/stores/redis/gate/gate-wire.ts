import type { AcquireRequest } from '../../lock-store.js';
import type { GateKeys } from '../redis-keys.js';
import type { RedisHold } from '../redis-hold.js';
import { milliseconds } from '../redis-wire.js';
import { gateModeOf } from './gate-kind.js';

/** What the scripts of the general gate are told, as their headers say it. */

/** As the scripts read and write it: 10 digits. */
export function tenDigits(number: number): string {
  return String(number).padStart(10, '0');
}

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

/** Terms of gate-acquire.lua. */
export function acquireTerms(
  request: Omit<AcquireRequest, 'name' | 'ownerToken' | 'label'>,
  { ticket, keepMs }: { readonly ticket: string; readonly keepMs: number },
): string {
  const { leaseMs, wait, maxWaitingProcesses, weight = 1, limit = 0 } = request;
  return (
    tenDigits(leaseMs) +
    (wait ? 'w' : '-') +
    ticket +
    milliseconds(maxWaitingProcesses) +
    gateModeOf(request) +
    tenDigits(weight) +
    tenDigits(limit) +
    milliseconds(keepMs)
  );
}

/** Terms of gate-release.lua. */
export function releaseTerms({ queuedMs, mode, weight }: RedisHold, keepMs: number): string {
  return milliseconds(keepMs) + tenDigits(queuedMs) + mode + tenDigits(weight);
}
