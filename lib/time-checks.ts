import type { AcquireSettings } from './acquire-options.js';
import { LockUsageError } from './lock-errors.js';
import { badLease, checkInteger, invalid, isLeaseMs, MAX_LEASE_MS } from './option-checks.js';

/** A day. */
const MAX_RENEWED_LEASE_MS = 86_400_000;

/** How long a caller waits, and holds. */
export type HoldTimes = Pick<AcquireSettings, 'leaseMs' | 'waitMs' | 'renew' | 'maxHoldMs' | 'minHoldMs'>;

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID */
export function checkTimes(
  { leaseMs, waitMs, renew, maxHoldMs, minHoldMs }: HoldTimes,
  place: () => string,
): void {
  if (!isLeaseMs(leaseMs)) throw badLease(leaseMs, place());
  if (typeof waitMs !== 'number' || Number.isNaN(waitMs) || waitMs < 0) {
    throw invalid(place(), ['waitMs', waitMs], 'a number of ms from 0, or Infinity');
  }
  if (typeof renew !== 'boolean') throw invalid(place(), ['renew', renew], 'true or false');
  if (renew) checkRenewed(leaseMs, place);
  if (maxHoldMs !== Infinity)
    checkInteger(place, ['maxHoldMs', maxHoldMs], { min: 1, max: MAX_LEASE_MS, unit: ' ms, or Infinity' });
  if (minHoldMs !== 0) checkMinHold(minHoldMs, { leaseMs, maxHoldMs }, place);
}

/** Whoever renews needs no long lease: it would only block others after a crash. @throws LockUsageError LOCK_LEASE_INVALID */
function checkRenewed(leaseMs: number, place: () => string): void {
  if (leaseMs <= MAX_RENEWED_LEASE_MS) return;
  const message = `${place()}: leaseMs must be at most ${MAX_RENEWED_LEASE_MS} ms (1 day) where the lease is renewed, got ${leaseMs}; give renew: false, or a shorter lease, which is renewed as long as the work runs`;
  throw new LockUsageError('LOCK_LEASE_INVALID', message);
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
function checkMinHold(
  minHoldMs: number,
  { leaseMs, maxHoldMs }: { leaseMs: number; maxHoldMs: number },
  place: () => string,
): void {
  checkInteger(place, ['minHoldMs', minHoldMs], { min: 0, max: MAX_LEASE_MS, unit: ' ms' });
  if (minHoldMs > leaseMs)
    throw invalid(
      place(),
      ['minHoldMs', minHoldMs],
      `at most leaseMs (${leaseMs}), or a crash would free the name sooner; give a longer leaseMs`,
    );
  if (minHoldMs > maxHoldMs)
    throw invalid(place(), ['minHoldMs', minHoldMs], `at most maxHoldMs (${maxHoldMs})`);
}
