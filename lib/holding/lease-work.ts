import type { Lease } from './lease.js';
import type { Ending } from './lease-keeper.js';
import type { LockFrames } from './lock-frames.js';
import type { Releases } from './releases.js';
import { isThenable } from '../runtime/thenable.js';

/** The work of `using`: gets the lease, may be synchronous. */
export type Work<T> = (lease: Lease) => T | PromiseLike<T>;

/** Where work runs. */
export interface WorkPlace {
  readonly frames: LockFrames;
  readonly releases: Releases;
}

/**
 * Runs the work inside the lease's frame, then releases. What the caller sees: see `LockManager.using`. Takes the lease also while it is
 * acquired: every async function on the way costs each of its callers.
 */
export async function runWork<T>(
  acquired: Lease | Promise<Lease>,
  { frames, releases }: WorkPlace,
  work: Work<T>,
): Promise<T> {
  const lease = isThenable(acquired) ? await acquired : acquired;
  let value: T;
  try {
    const result = frames.run(lease, work);
    value = isThenable(result) ? await result : result; // nothing to wait for costs no promise
  } catch (error) {
    await Promise.resolve(releases.letGo(lease)).catch(() => undefined);
    if (lease.lossError !== undefined) lease.lossError.reason = error;
    throw error;
  }
  const stateAtEnd = lease.state;
  let ending: Ending | 'sent' | 'unconfirmed';
  try {
    const ended = releases.letGo(lease);
    ending = isThenable(ended) ? await ended : ended;
  } catch {
    ending = 'unconfirmed';
  }
  const lost = stateAtEnd === 'lost' || (stateAtEnd === 'uncertain' && ending === 'lost');
  if (!lost || lease.lossError === undefined) return value;
  lease.lossError.result = value;
  throw lease.lossError;
}
