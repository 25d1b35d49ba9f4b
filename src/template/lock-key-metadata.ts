import 'reflect-metadata';

/** Symbol.for, so that two copies of this package in one process (ESM and CJS) read each other's decorators. */
const LOCK_KEYS = Symbol.for('nestjs-distributed-lock:lock-keys');

/**
 * Remembers that an argument of a method is called by a name in templates.
 *
 * @param target the prototype, as a parameter decorator receives it (the class itself for a static method)
 */
export function rememberLockKey(target: object, methodName: string | symbol, entry: LockKeyEntry): void {
  const known = ownOrInherited(target, methodName);
  Reflect.defineMetadata(
    LOCK_KEYS,
    [...known.filter((key) => key.index !== entry.index), entry],
    target,
    methodName,
  );
}

/** The `@LockKey` names of a method, those of an inherited method included. */
export function lockKeysOf(targetClass: object, methodName: string | symbol): readonly LockKeyEntry[] {
  const prototype = (targetClass as { prototype?: object }).prototype;
  const ofInstance = prototype === undefined ? [] : ownOrInherited(prototype, methodName);
  return ofInstance.length > 0 ? ofInstance : ownOrInherited(targetClass, methodName);
}

export interface LockKeyEntry {
  readonly name: string;
  readonly index: number;
}

function ownOrInherited(target: object, methodName: string | symbol): readonly LockKeyEntry[] {
  return (Reflect.getMetadata(LOCK_KEYS, target, methodName) as readonly LockKeyEntry[] | undefined) ?? [];
}
