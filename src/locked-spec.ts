import 'reflect-metadata';
import { type AcquireOptions, copySymbol, LockUsageError } from '../lib/index.js';
import type { AnyFunction, NamePhase, NameSpec } from './template/locked-method.js';

/**
 * One use of `@Locked`, checked. The object itself is what identifies the method: other decorators put functions of their own over
 * ours and copy metadata, so comparing functions would lock twice.
 */
export interface LockedSpec {
  readonly names: NameSpec;
  /** The class whose definition has the decorator; the object may be of a subclass. */
  readonly targetClass: AnyFunction;
  readonly methodName: string | symbol;
  readonly isStatic: boolean;
  readonly original: AnyFunction;
  /** `GroupsController.join`, for messages. */
  readonly place: string;
  readonly phase: NamePhase;
  readonly busyStatus: number;
  readonly serviceName: string;
  readonly acquire: AcquireOptions;
  /** 'skip': a call that finds the lock taken resolves to undefined. 'throw': it rejects. */
  readonly whenBusy: 'throw' | 'skip';
  /** Its result is the call's when the lock is busy. */
  readonly fallback: AnyFunction | undefined;
  /** `onStoreFailure: 'run-unlocked'`. */
  readonly runsUnlocked: boolean;
  /** Decides, for each call, whether it needs the lock. */
  readonly when: AnyFunction | undefined;
  /** What the caller gets while it waits for the lock. */
  readonly returns: 'promise' | 'observable' | 'generator';
  /** Arguments that `@CurrentLease` asked for. */
  readonly leaseArguments: readonly number[];
  /** The `@Locked` stands on the class, not on the method. */
  readonly ofClass: boolean;
}

/** Copies of this package in one process read each other's decorators. */
const LOCKED = copySymbol('locked');
const LEASE_ARGUMENTS = copySymbol('lease-arguments');
const CLASS_LOCKED = copySymbol('class-locked');
const NOT_LOCKED = copySymbol('not-locked');

/** On the class, too: a decorator above may put a function of its own over ours and copy no metadata. */
export function rememberSpec(wrapper: object, target: object, spec: LockedSpec): void {
  Reflect.defineMetadata(LOCKED, spec, wrapper);
  Reflect.defineMetadata(LOCKED, spec, target, spec.methodName);
}

/** Was `@Locked` here before, whatever has been put over it since? @param target what decorators receive */
export function isDecorated(target: object, methodName: string | symbol): boolean {
  return Reflect.hasOwnMetadata(LOCKED, target, methodName);
}

export function specOf(method: unknown): LockedSpec | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(LOCKED, method) as LockedSpec | undefined;
}

/**
 * The `@Locked` of a class's own member, for the checks at start-up. What another decorator has put over our function without its metadata
 * is told that it is locked, so that the interceptor takes the lock round it, as round every other handler.
 *
 * @param holder the prototype, or the class for a static method
 * @throws LockUsageError LOCK_OPTIONS_INVALID when what stands there now cannot lead to our function
 */
export function specAt(holder: object, methodName: string | symbol): LockedSpec | undefined {
  const member = Object.getOwnPropertyDescriptor(holder, methodName);
  const recorded = Reflect.getOwnMetadata(LOCKED, holder, methodName) as LockedSpec | undefined;
  const found = specOf(member?.value);
  if (recorded === undefined || found === recorded) return found;
  if (member?.get !== undefined) return recorded; // a method that is bound when it is read; no route, then
  const method: unknown = member?.value;
  if (typeof method !== 'function' || method === recorded.original || found !== undefined) {
    const what = found === undefined ? 'something that does not call it' : `the method of ${found.place}`;
    throw new LockUsageError(
      'LOCK_OPTIONS_INVALID',
      `@Locked on ${recorded.place} would lock nothing: a decorator above it put ${what} in its place; write @Locked above that one`,
    );
  }
  Reflect.defineMetadata(LOCKED, recorded, method);
  return recorded;
}

/** @param target the prototype, or the class for a static method: what decorators receive */
export function rememberLeaseArgument(target: object, methodName: string | symbol, index: number): void {
  const known = leaseArgumentsOf(target, methodName);
  Reflect.defineMetadata(LEASE_ARGUMENTS, [...known, index], target, methodName);
}

export function leaseArgumentsOf(target: object, methodName: string | symbol): readonly number[] {
  return (Reflect.getOwnMetadata(LEASE_ARGUMENTS, target, methodName) as number[] | undefined) ?? [];
}

/** `@Locked` stands on this class. */
export function rememberLockedClass(targetClass: AnyFunction): void {
  Reflect.defineMetadata(CLASS_LOCKED, true, targetClass);
}

/** Does `@Locked` stand on this class itself? */
export function isLockedClass(targetClass: AnyFunction): boolean {
  return Reflect.hasOwnMetadata(CLASS_LOCKED, targetClass);
}

/** `@NotLocked` stands on this method. @param target what decorators receive */
export function rememberNotLocked(target: object, methodName: string | symbol): void {
  Reflect.defineMetadata(NOT_LOCKED, true, target, methodName);
}

export function isNotLocked(target: object, methodName: string | symbol): boolean {
  return Reflect.hasOwnMetadata(NOT_LOCKED, target, methodName);
}

/** What a method that the `@Locked` of its class covers can do about an error of it. */
export const CLASS_REMEDY =
  '; the @Locked on the class covers this method: give it a @Locked of its own, or leave it out with @NotLocked()';
