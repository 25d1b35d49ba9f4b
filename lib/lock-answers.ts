import type { LeaseState } from './lease.js';

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
