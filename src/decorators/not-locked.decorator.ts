import { LockUsageError } from '../../lib/index.js';
import { rememberNotLocked } from '../locked-spec.js';
import { refuseStandardDecorators } from './standard-decorators.js';

/**
 * Leaves a method out of the `@Locked` that stands on its class: it runs without a lock.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID on a static method; when the application starts, where no `@Locked` stands on the class
 */
export function NotLocked(): MethodDecorator {
  return (target, methodName) => {
    refuseStandardDecorators('@NotLocked', methodName);
    if (typeof target === 'function') {
      const place = `${target.name}.${String(methodName)}`;
      throw new LockUsageError(
        'LOCK_OPTIONS_INVALID',
        `@NotLocked on ${place}: the @Locked of a class covers no static method, so there is nothing to leave out; remove it`,
      );
    }
    rememberNotLocked(target, methodName);
  };
}
