import { describeKind, describeValue, LockUsageError } from './lock-errors.js';

const MIN_LEASE_MS = 100; // below it a garbage collection or a slow reply is a loss
/** 30 days. */
export const MAX_LEASE_MS = 2_592_000_000;
/** Of traces and of closing: a day. */
export const MAX_KEEP_MS = 86_400_000;

/** Agreed names that come later: a clear error until then, never ignored. */
const NOT_BUILT_YET: ReadonlySet<string> = new Set('when fallback'.split(' '));

/** @throws LockUsageError LOCK_LEASE_INVALID */
export function checkLeaseMs(leaseMs: unknown, place: string, option = 'leaseMs'): number {
  if (isLeaseMs(leaseMs)) return leaseMs;
  throw badLease(leaseMs, place, option);
}

export function isLeaseMs(leaseMs: unknown): leaseMs is number {
  return (
    Number.isInteger(leaseMs) && (leaseMs as number) >= MIN_LEASE_MS && (leaseMs as number) <= MAX_LEASE_MS
  );
}

export function badLease(leaseMs: unknown, place: string, option = 'leaseMs'): LockUsageError {
  return new LockUsageError(
    'LOCK_LEASE_INVALID',
    `${place}: ${option} must be an integer from ${MIN_LEASE_MS} to ${MAX_LEASE_MS} ms, got ${describeValue(leaseMs)}`,
  );
}

export function checkKeys(options: object, known: readonly string[], place: () => string): void {
  if (typeof options !== 'object' || options === null) {
    throw new LockUsageError(
      'LOCK_OPTIONS_INVALID',
      `${place()}: options must be an object, got ${describeKind(options)}`,
    );
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key) || (options as Record<string, unknown>)[key] === undefined) continue;
    const problem = NOT_BUILT_YET.has(key) ? 'is not built yet' : 'is not known here';
    throw new LockUsageError(
      'LOCK_OPTIONS_INVALID',
      `${place()}: option "${key}" ${problem}; leave it out. Known: ${known.join(', ')}`,
    );
  }
}

export function checkInteger(
  place: () => string,
  given: readonly [option: string, value: number],
  { min, max, unit = '' }: { min: number; max: number; unit?: string },
): void {
  const [, value] = given;
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw invalid(place(), given, `an integer from ${min} to ${max}${unit}`);
}

export function invalid(
  place: string,
  [option, value]: readonly [string, unknown],
  expected: string,
): LockUsageError {
  const message = `${place}: ${option} must be ${expected}, got ${describeValue(value)}`;
  return new LockUsageError('LOCK_OPTIONS_INVALID', message);
}

/** Of a forced release: it goes to the holder's error and into audit logs. @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkReason(lockName: string, reason: unknown): void {
  if (typeof reason === 'string' && reason.trim() !== '' && reason.length <= 200) return;
  const message = `forceRelease(${describeValue(lockName)}): reason must be a text of 1 to 200 characters, got ${describeValue(reason)}`;
  throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName });
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkForce(lockName: string, options: { fencingToken?: number }): { fencingToken?: number } {
  const place = () => `forceRelease(${describeValue(lockName)})`;
  checkKeys(options, ['fencingToken'], place);
  const { fencingToken } = options;
  if (fencingToken === undefined) return {};
  checkInteger(place, ['fencingToken', fencingToken], { min: 0, max: Number.MAX_SAFE_INTEGER });
  return { fencingToken };
}

export const MAX_LIMIT = 1_000_000_000;

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkLimit(lockName: string, limit: number | null): void {
  if (limit !== null)
    checkInteger(() => `setLimit(${describeValue(lockName)})`, ['limit', limit], { min: 1, max: MAX_LIMIT });
}
