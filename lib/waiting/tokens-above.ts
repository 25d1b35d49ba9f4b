import type { SingleLease } from '../holding/single-lease.js';
import { isAbove } from '../layers.js';
import { LockStoreError } from '../lock-errors.js';
import type { Wanted } from './joint-acquisition.js';

/** One of the names that are taken together. */
export interface Part {
  readonly wanted: Wanted;
  /** It stands above a name that was asked for, see layers.ts. */
  readonly isAncestor: boolean;
  /** What we have of it, perhaps lost meanwhile. */
  lease: SingleLease | undefined;
}

/**
 * A layered grant's token must be above those that were granted before on its path. What stands above it has the highest, because whoever
 * leaves notes it there; and as long as the store's clock goes on, the next token of any name is above it. Where the clock was set back,
 * a hold that has just been granted below may have a smaller one. Given back with the higher one as the last that was used under it, it
 * makes the next one of its name larger than both.
 *
 * @returns the first that is to be given back and asked for again; -1: none. All of them are prepared for it
 */
export function firstOvertaken(parts: readonly Part[]): number {
  let first = -1;
  for (const [at, { lease, wanted, isAncestor }] of parts.entries()) {
    // A hold that goes from hand to hand was above when it was granted, and nobody has had what is above it since.
    if (isAncestor || lease === undefined || !lease.isFirst) continue;
    const floor = highestAbove(wanted.name, parts);
    if (lease.fencingToken >= floor) continue;
    lease.hold.lastFencingToken = floor;
    if (first === -1) first = at;
  }
  return first;
}

function highestAbove(name: string, parts: readonly Part[]): number {
  return parts.reduce((highest, { lease, wanted }) => {
    const counts = lease !== undefined && isAbove(wanted.name, name);
    return counts ? Math.max(highest, lease.hold.fencingToken) : highest;
  }, 0);
}

/** A store promises a larger token after each release. */
export function tokensDoNotRise(lockName: string): LockStoreError {
  const message = `the store gives lock "${lockName}" no fencing token above those of the names above it, however often it is asked; it has lost its data or does not keep its tokens`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName });
}
