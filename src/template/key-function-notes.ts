import { copySymbol } from '../../lib/index.js';
import type { AnyFunction, NameSpec } from './locked-method.js';

/** What a decorator that is made of `@Locked` says of its key function. */
export interface KeyFunctionNotes {
  /** For events and metrics, where a function shows no template. */
  readonly template: string;
  /** Called for each class that has the method, when the application starts. @throws LockUsageError */
  checkAtStart(targetClass: AnyFunction): void;
}

/** Two copies of this package in one process read each other's. */
const NOTES = copySymbol('key-function-notes');

export function noteOnKeyFunction(names: Extract<NameSpec, AnyFunction>, notes: KeyFunctionNotes): void {
  Object.defineProperty(names, NOTES, { value: notes });
}

export function notesOn(names: NameSpec): KeyFunctionNotes | undefined {
  if (typeof names !== 'function') return undefined;
  return (names as unknown as { readonly [key: symbol]: KeyFunctionNotes | undefined })[NOTES];
}
