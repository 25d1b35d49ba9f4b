import { describeValue, LockUsageError } from '../../lib/index.js';
import { rememberLockKey } from '../template/lock-key-metadata.js';

const BARE_NAME = /^[\p{L}_$][\p{L}\p{N}_$-]*$/u;
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'prototype', 'constructor']);

/**
 * Gives an argument a name for the templates of `@Locked`, where the method's source does not show one (another decorator
 * wraps it, the build minifies it) or shows another one:
 *
 *     @Locked('group:<groupId>')
 *     join(@LockKey('groupId') id: string) {}
 *
 * Over HTTP it stands for what Nest binds to that argument (`@LockKey('groupId') @Param('id') id: string`).
 *
 * @throws LockUsageError LOCK_TEMPLATE_INVALID when the class is defined: the name is not a plain name, or it decorates a constructor
 */
export function LockKey(name: string): ParameterDecorator {
  return (target, methodName, index) => {
    const owner = typeof target === 'function' ? target.name : target.constructor.name;
    if (methodName === undefined) {
      throw new LockUsageError(
        'LOCK_TEMPLATE_INVALID',
        `@LockKey on the constructor of ${owner}: only methods can be locked`,
      );
    }
    if (typeof name !== 'string' || !BARE_NAME.test(name) || RESERVED.has(name)) {
      const place = `argument ${index} of ${owner}.${String(methodName)}`;
      throw new LockUsageError(
        'LOCK_TEMPLATE_INVALID',
        `@LockKey on ${place}: the name must be letters, digits, _ $ - and not begin with a digit, got ${describeValue(name)}`,
      );
    }
    rememberLockKey(target, methodName, { name, index });
  };
}
