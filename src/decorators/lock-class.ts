import 'reflect-metadata';
import { LockUsageError } from '../../lib/index.js';
import { CLASS_REMEDY, isDecorated, isNotLocked, rememberLockedClass, specOf } from '../locked-spec.js';
import { handlerKindsOf } from '../startup/handler-kind.js';
import type { AnyFunction } from '../template/locked-method.js';

/** Puts the lock on one method. */
export type LockMethod = (method: FoundMethod, descriptor: PropertyDescriptor) => void;

export interface FoundMethod {
  readonly methodName: string | symbol;
  /** The prototype that has it: the class's own or an inherited one. */
  readonly holder: object;
}

/** Nest calls them before the lock service serves, or while it closes. */
const LIFECYCLE: ReadonlySet<string | symbol> = new Set([
  'onModuleInit',
  'onApplicationBootstrap',
  'onModuleDestroy',
  'beforeApplicationShutdown',
  'onApplicationShutdown',
]);

/**
 * `@Locked` on a class. A class with handlers (routes, messages, GraphQL operations) has them locked, inherited ones included, because
 * they are what reaches it from outside; any other class has its own methods locked, but not what a base class brings, which is often
 * a library's. Never static methods, accessors and Nest's lifecycle hooks. A method's own `@Locked`, and `@NotLocked()`, win.
 *
 * Works on the class, so that it does not matter whether `@Controller()` stands above or below; methods were decorated before it.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID when there is nothing to lock, or a method cannot be locked
 */
export function lockClass(targetClass: AnyFunction, lockMethod: LockMethod): void {
  const prototype = targetClass.prototype as object;
  const methods = [...methodsOf(prototype)];
  const handlers = methods.filter(({ method }) => handlerKindsOf(method).length > 0);
  const covered = handlers.length > 0 ? handlers : methods.filter(isOwnMethod(prototype));
  if (covered.length === 0) throw nothingToLock(targetClass);
  rememberLockedClass(targetClass);
  for (const { holder, methodName, descriptor } of covered.filter(leftToTheClass(targetClass))) {
    const own = { ...descriptor };
    try {
      if (handlers.length === 0) refuseUnknownKind(targetClass, methodName, own);
      lockMethod({ methodName, holder }, own);
    } catch (error) {
      if (!(error instanceof LockUsageError)) throw error;
      throw new LockUsageError(error.code, error.message + CLASS_REMEDY, { cause: error });
    }
    Object.defineProperty(prototype, methodName, own);
  }
}

interface ClassMethod extends FoundMethod {
  readonly method: AnyFunction;
  readonly descriptor: PropertyDescriptor;
}

/** Those that calls on an instance reach. */
function* methodsOf(prototype: object): Generator<ClassMethod> {
  const seen = new Set<string | symbol>(['constructor']);
  for (let holder = prototype; holder !== Object.prototype && holder !== null;) {
    for (const methodName of Reflect.ownKeys(holder)) {
      if (seen.has(methodName)) continue;
      seen.add(methodName);
      const descriptor = Object.getOwnPropertyDescriptor(holder, methodName) as PropertyDescriptor;
      const method: unknown = descriptor.value;
      if (typeof method === 'function') yield { holder, methodName, descriptor, method };
    }
    holder = Object.getPrototypeOf(holder) as object;
  }
}

function isOwnMethod(prototype: object) {
  return ({ holder, methodName }: ClassMethod) => holder === prototype && !LIFECYCLE.has(methodName);
}

function leftToTheClass(targetClass: AnyFunction) {
  return ({ holder, methodName, method }: ClassMethod): boolean => {
    const hasOwn = isDecorated(holder, methodName) || specOf(method) !== undefined;
    if (!isNotLocked(holder, methodName)) return !hasOwn;
    if (!hasOwn) return false;
    const place = `${targetClass.name}.${String(methodName)}`;
    throw new LockUsageError(
      'LOCK_OPTIONS_INVALID',
      `${place} has both @Locked and @NotLocked(); leave one of them out`,
    );
  };
}

/**
 * The compiler records the return type of decorated methods only, so that of this one we see no more than whether it is async. One that
 * returns at once would silently give a promise.
 */
function refuseUnknownKind(
  { name, prototype }: AnyFunction,
  methodName: string | symbol,
  { value }: PropertyDescriptor,
): void {
  const isAsync = /^\[object Async(Generator)?Function\]$/.test(Object.prototype.toString.call(value));
  if (isAsync || Reflect.hasMetadata('design:returntype', prototype as object, methodName)) return;
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on ${name}.${String(methodName)}: the method is not declared async, so it may return at once, but it has to wait for its lock; ` +
      `declare \`async ${String(methodName)}(…)\``,
  );
}

function nothingToLock({ name }: AnyFunction): LockUsageError {
  return new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on the class ${name} would lock nothing: it has no handler and no method of its own ` +
      '(static methods, accessors and lifecycle hooks are not covered); put @Locked on methods',
  );
}
