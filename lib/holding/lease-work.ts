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

/** Runs the work inside the lease's frame, then releases. What the caller sees: see `LockManager.using`. */
export function runWork<T>(acquired: Lease | Promise<Lease>, place: WorkPlace, work: Work<T>): Promise<T> {
  // Apart from `runHeld`, whose larger frame would be kept by everybody who waits.
  return isThenable(acquired)
    ? acquired.then((lease) => runHeld(lease, place, work))
    : runHeld(acquired, place, work);
}

async function runHeld<T>(lease: Lease, { frames, releases }: WorkPlace, work: Work<T>): Promise<T> {
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
