import type { AcquireRequest } from '../../lock-store.js';
import type { RedisHold } from '../redis-hold.js';
import { milliseconds } from '../redis-wire.js';
import { gateModeOf } from './gate-kind.js';

/** What the scripts of the general gate are told, as their headers say it. */

/** As the scripts read and write it: 10 digits. */
export function tenDigits(number: number): string {
  return String(number).padStart(10, '0');
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
export function releaseTerms({ queuedMs, mode, weight, minHoldMs }: RedisHold, keepMs: number): string {
  return milliseconds(keepMs) + tenDigits(queuedMs) + mode + tenDigits(weight) + tenDigits(minHoldMs);
}
