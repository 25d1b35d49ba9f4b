import 'reflect-metadata';
import { describeKind } from '../../lib/index.js';
import { callLocked } from '../call/locked-call.js';
import { DEFAULT_SERVICE } from '../lock.tokens.js';
import { isDecorated, leaseArgumentsOf, type LockedSpec, rememberSpec } from '../locked-spec.js';
import { addServiceSlot } from '../startup/service-slot.js';
import type { AnyFunction, NameSpec } from '../template/locked-method.js';
import type { BusyFallback, LockCondition, LockedDecorator } from './decorator-types.js';
import { type FoundMethod, lockClass } from './lock-class.js';
import {
  acquireOptionsOf,
  checkNames,
  checkOptions,
  type LockedOptions,
  templateOf,
  usage,
  wordsOf,
} from './locked-options.js';
import { returnsOf } from './returned-type.js';
import { refuseStandardDecorators } from './standard-decorators.js';

/**
 * Runs the method under a lock: `@Locked('group:<groupId>')` on a controller or any other class that Nest makes.
 *
 * On a class it locks every handler (routes, messages, GraphQL operations; inherited ones, too), or, where there is none, every method of
 * its own. A method's own `@Locked` wins, and `@NotLocked()` leaves one out. Static methods, accessors and lifecycle hooks are not covered.
 *
 * Over HTTP the lock is held until the answer is complete, streams included, and a client that goes away stops waiting. A service method
 * holds it until its Promise settles (and the stream in it, if any, is over), its Observable ends, or its generator is done. The method
 * gets its Lease through `@CurrentLease()`.
 *
 * Decorators above it run under the lock in phase 'request' of HTTP, else around it. They must call the method.
 *
 * Several names are taken together, all or none: `@Locked(['account:<from>', 'account:<to>'])`, `@Locked('item:<ids[]>')`.
 *
 * @param names a template, several, or a function of the method's arguments that gives names (encode ids with `lockName`)
 * @throws LockUsageError when the class is defined, for anything wrong that can be seen then; the rest when the application starts.
 *   The decorated method throws LockBusyError, LockLostError, LockStoreError, and whatever it throws itself
 */
export function Locked<
  Names extends NameSpec,
  Condition extends LockCondition = LockCondition,
  Fallback extends BusyFallback = BusyFallback,
>(
  names: Names,
  options: LockedOptions<Condition, Fallback> = {},
): LockedDecorator<Names, Condition, Fallback> {
  const use: LockedUse = { names, options };
  return (target: object, methodName?: string | symbol, descriptor?: unknown): void => {
    refuseStandardDecorators('@Locked', methodName);
    if (methodName !== undefined) {
      lockMethod(
        use,
        { target, methodName, holder: target, ofClass: false },
        descriptor as PropertyDescriptor,
      );
      return;
    }
    const targetClass = target as AnyFunction;
    if (typeof targetClass !== 'function')
      throw usage('?', `it belongs on a method or a class, got ${describeKind(target)}`);
    lockClass(targetClass, (found, own) =>
      lockMethod(use, { target: targetClass.prototype as object, ofClass: true, ...found }, own),
    );
  };
}

/** One `@Locked`, as written. */
interface LockedUse {
  readonly names: NameSpec;
  readonly options: LockedOptions;
}

/** Where it is put: what a decorator receives, and what of it comes from elsewhere for an inherited method. */
interface LockPlace extends FoundMethod {
  readonly target: object;
  readonly ofClass: boolean;
}

function lockMethod(
  { names, options }: LockedUse,
  { target, methodName, holder, ofClass }: LockPlace,
  descriptor: PropertyDescriptor,
): void {
  const isStatic = typeof target === 'function';
  const targetClass = isStatic ? target : target.constructor;
  const place = `${targetClass.name}.${String(methodName)}`;
  const original = descriptor?.value as unknown;
  if (typeof original !== 'function')
    throw usage(place, 'only methods can be locked, not properties or accessors');
  if (isDecorated(target, methodName))
    throw usage(place, '@Locked stands there twice; give one @Locked all the names');
  checkNames(names, place);
  checkOptions(options, place);
  const spec: LockedSpec = Object.freeze({
    names,
    targetClass,
    methodName,
    isStatic,
    original,
    place,
    ...wordsOf(names, options),
    serviceName: options.service ?? DEFAULT_SERVICE,
    acquire: { ...acquireOptionsOf(options, place), ...templateOf(names) },
    returns: returnsOf(target, methodName, { original, place }),
    leaseArguments: leaseArgumentsOf(holder, methodName),
    ofClass,
  });
  descriptor.value = wrap(spec, target);
  if (!isStatic) addServiceSlot(target, spec.serviceName);
}

/**
 * The prototype of our function is the author's, so that metadata of decorators below (`@Get`, `@Cron`, …) is found through it, in any
 * order; decorators above write on ours.
 */
function wrap(spec: LockedSpec, target: object): AnyFunction {
  const locked = function (this: unknown, ...args: unknown[]): unknown {
    return callLocked(spec, this, args);
  };
  Object.defineProperty(locked, 'name', { value: spec.original.name, configurable: true });
  Object.defineProperty(locked, 'length', { value: spec.original.length, configurable: true });
  Object.setPrototypeOf(locked, spec.original);
  rememberSpec(locked, target, spec);
  return locked;
}
