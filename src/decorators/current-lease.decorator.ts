import { LockUsageError } from '../../lib/index.js';
import { rememberLeaseArgument } from '../locked-spec.js';

/**
 * Gives a `@Locked` method the Lease of this call, on controllers and on services alike:
 * `join(@Param('groupId') groupId: string, @CurrentLease() lease: Lease)`. Write `lease.fencingToken` together with your data, give
 * `lease.signal` to what you call. On a service method the caller leaves the argument out; put it last.
 *
 * The wrapper of `@Locked` fills the argument. Nest's `createParamDecorator` could not: with `phase: 'handler'` the lock is taken
 * after Nest has computed the arguments, and pipes would run over the lease.
 *
 * @throws LockUsageError on a constructor; when the application starts, on a method without `@Locked`
 */
export function CurrentLease(): ParameterDecorator {
  return (target, methodName, index) => {
    if (methodName === undefined) {
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        '@CurrentLease() belongs on a method of @Locked, not on a constructor',
      );
    }
    rememberLeaseArgument(target, methodName, index);
  };
}
