import { LockUsageError } from '../../lib/index.js';
import { isLockedClass, isNotLocked, leaseArgumentsOf, specOf } from '../locked-spec.js';
import { lockKeysOf } from '../template/lock-key-metadata.js';
import { type AnyFunction, methodOf } from '../template/locked-method.js';

/** Something that a class or one of its prototypes has under a name. */
export interface Member {
  readonly holder: object;
  readonly key: string | symbol;
  /** Absent: an accessor or a value. */
  readonly method: AnyFunction | undefined;
}

/**
 * A member without `@Locked` must have nothing that speaks of a lock.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
export function refuseInert(targetClass: AnyFunction, { holder, key, method }: Member): void {
  const owner = typeof holder === 'function' ? holder : holder.constructor;
  if (isNotLocked(holder, key) && !isLockedClass(owner)) {
    throw inert(targetClass, key, 'has @NotLocked() but no @Locked stands on its class; remove it');
  }
  const usesLease = leaseArgumentsOf(holder, key).length > 0;
  if (!usesLease && lockKeysOf(owner, key).length === 0) return;
  // Inherited, and locked by the @Locked on the class that inherits it.
  if (method !== undefined && specOf(methodOf(targetClass, key))?.original === method) return;
  const what = usesLease ? '@CurrentLease()' : '@LockKey';
  throw inert(targetClass, key, `has ${what} but no @Locked, so there is no lock; add @Locked, or remove it`);
}

function inert({ name }: AnyFunction, key: string | symbol, problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `${name}.${String(key)} ${problem}`);
}
