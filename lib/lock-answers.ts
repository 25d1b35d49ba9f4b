import type { SingleLease } from './holding/single-lease.js';
import type { LeaseState } from './holding/lease-keeper.js';
import type { StoreInspection } from './stores/lock-store.js';

/** What `tryUsing` resolves to: `acquired: false` when somebody else has the lock and the work was not run. */
export type TryUsingResult<T> = { readonly acquired: true; readonly value: T } | { readonly acquired: false };

/** What the store says about a name. */
export interface LockInspection {
  readonly name: string;
  readonly held: boolean;
  /** By the store's clock; null when free. */
  readonly heldSince: Date | null;
  /** How long the holder's lease still runs without a renewal, in ms; null when free. */
  readonly remainingMs: number | null;
  /** Of the present holder; null when free. */
  readonly fencingToken: number | null;
  /** What the holder gave as `label`; null when free. */
  readonly label: string | null;
  /** How many processes wait in the store's queue. */
  readonly waitingProcesses: number;
  /** How many callers wait in this process. */
  readonly waitingHere: number;
}

/** A lease of this process, for lists and health pages. */
export interface HeldLock {
  readonly name: string;
  readonly label: string;
  readonly fencingToken: number;
  readonly state: LeaseState;
  readonly acquiredAt: Date;
  readonly remainingMs: number;
}

/** What the store says, and what only this process knows. */
export function inspection(
  name: string,
  { heldSinceMs, waiting, ...told }: StoreInspection,
  here: { readonly lease: SingleLease | undefined; readonly waitingHere: number },
): LockInspection {
  // Of a hold that was handed on in this process the store only knows the first lease.
  const { fencingToken = told.fencingToken, label = told.label } = (told.held && here.lease) || {};
  const heldSince = heldSinceMs === null ? null : new Date(heldSinceMs);
  const { waitingHere } = here;
  return { name, ...told, fencingToken, label, heldSince, waitingProcesses: waiting, waitingHere };
}

export function heldLock(lease: SingleLease): HeldLock {
  const { name, label, fencingToken, state, acquiredAt } = lease;
  return { name, label, fencingToken, state, acquiredAt, remainingMs: lease.remainingMs() };
}
