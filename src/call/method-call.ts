import type { Lease } from '../../lib/index.js';
import type { LockedSpec } from '../locked-spec.js';
import { isStandIn } from '../unlocked-runs.js';
import type { CallNote } from './call-note.js';

/** One call of a method of `@Locked`. */
export interface LockedCall {
  readonly spec: LockedSpec;
  readonly self: unknown;
  readonly args: readonly unknown[];
  /** Of the interceptor: the values of an HTTP request, the end of its response, whether the caller is still there. */
  readonly note: CallNote | undefined;
}

/**
 * Calls the method as its author wrote it.
 *
 * @param lease null: it runs without the lock
 */
export function invoke(
  spec: LockedSpec,
  call: Pick<LockedCall, 'self' | 'args'>,
  lease: Lease | null,
): unknown {
  const { original, leaseArguments } = spec;
  if (leaseArguments.length === 0) return Reflect.apply(original, call.self, call.args);
  const args = [...call.args];
  const shown = lease === null || isStandIn(lease) ? null : lease;
  for (const index of leaseArguments) args[index] = shown;
  return Reflect.apply(original, call.self, args);
}
