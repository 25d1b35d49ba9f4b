import 'reflect-metadata';
import { type AcquireOptions, copySymbol } from '../lib/index.js';
import type { NamePhase, NameSpec } from './template/compile-names.js';

/** Any class, any method: Nest's own word. */
// oxlint-disable-next-line typescript/no-unsafe-function-type
export type AnyFunction = Function;

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
  /** What the caller gets while it waits for the lock. */
  readonly returns: 'promise' | 'observable' | 'generator';
  /** Arguments that `@CurrentLease` asked for. */
  readonly leaseArguments: readonly number[];
}

/** Copies of this package in one process read each other's decorators. */
const LOCKED = copySymbol('locked');
const LEASE_ARGUMENTS = copySymbol('lease-arguments');

export function rememberSpec(wrapper: object, spec: LockedSpec): void {
  Reflect.defineMetadata(LOCKED, spec, wrapper);
}

export function specOf(method: unknown): LockedSpec | undefined {
  if (typeof method !== 'function') return undefined;
  return Reflect.getMetadata(LOCKED, method) as LockedSpec | undefined;
}

/** @param target the prototype, or the class for a static method: what decorators receive */
export function rememberLeaseArgument(target: object, methodName: string | symbol, index: number): void {
  const known = leaseArgumentsOf(target, methodName);
  Reflect.defineMetadata(LEASE_ARGUMENTS, [...known, index], target, methodName);
}

export function leaseArgumentsOf(target: object, methodName: string | symbol): readonly number[] {
  return (Reflect.getOwnMetadata(LEASE_ARGUMENTS, target, methodName) as number[] | undefined) ?? [];
}
