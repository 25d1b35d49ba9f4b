import type { SingleLease } from './holding/single-lease.js';
import type { LeaseState } from './holding/lease-keeper.js';
import type { AccessMode, HeldMode, HolderInspection, StoreInspection } from './stores/lock-store.js';

/** What `tryUsing` resolves to: `acquired: false` when somebody else has the lock and the work was not run. */
export type TryUsingResult<T> = { readonly acquired: true; readonly value: T } | { readonly acquired: false };

/** One of those who have a name. */
export interface LockHolder {
  readonly label: string;
  readonly mode: HeldMode;
  /** Of a permit; 1 for all others. */
  readonly weight: number;
  /** By the store's clock. */
  readonly heldSince: Date;
  /** How long its lease still runs without a renewal, in ms. */
  readonly remainingMs: number;
  readonly fencingToken: number;
}

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
  /** How the one above has it; 'limited': a permit of a limit; null when free. */
  readonly mode: HeldMode | null;
  /** All who have it. */
  readonly holders: readonly LockHolder[];
  /** At most so many at once; null: there is no limit in force. */
  readonly limit: number | null;
  /** How many processes wait in the store's queue. */
  readonly waitingProcesses: number;
  /** How many callers wait in this process. */
  readonly waitingHere: number;
}

/** A lease of this process, for lists and health pages. */
export interface HeldLock {
  readonly name: string;
  readonly label: string;
  /** 'intention-…': of a name above one that is held further down (layers). */
  readonly mode: AccessMode;
  readonly fencingToken: number;
  readonly state: LeaseState;
  readonly acquiredAt: Date;
  readonly remainingMs: number;
}

/** What the store says, and what only this process knows. */
export function inspection(
  name: string,
  told: StoreInspection,
  here: { readonly lease: SingleLease | undefined; readonly waitingHere: number },
): LockInspection {
  const { held, remainingMs, heldSinceMs, waiting, limit = null } = told;
  // Of an exclusive hold that was handed on in this process the store only knows the first lease.
  const isOurs =
    held &&
    ['exclusive', 'upgradeable'].includes(told.mode ?? 'exclusive') &&
    (told.holders?.length ?? 1) === 1;
  const { fencingToken = told.fencingToken, label = told.label } = (isOurs && here.lease) || {};
  const heldSince = heldSinceMs === null ? null : new Date(heldSinceMs);
  const mode = held ? (told.mode ?? 'exclusive') : null;
  const [first] = told.holders ?? [];
  const only = {
    weight: 1,
    ...first,
    label,
    mode,
    heldSinceMs,
    remainingMs,
    fencingToken,
  } as HolderInspection;
  const isOne = held && (first === undefined || isOurs);
  const holders = (isOne ? [only] : (told.holders ?? [])).map((holder) => holderOf(holder));
  const { waitingHere } = here;
  return {
    name,
    held,
    heldSince,
    remainingMs,
    fencingToken,
    label,
    mode,
    holders,
    limit,
    waitingProcesses: waiting,
    waitingHere,
  };
}

function holderOf({ heldSinceMs, ...told }: HolderInspection): LockHolder {
  return { ...told, heldSince: new Date(heldSinceMs) };
}

/** Of each hold: readers that share it have a lease each, and those who entered one again have the same. */
export function heldLocks(lease: SingleLease): HeldLock[] {
  return lease.kept.leases.filter((one) => one === lease || one.outer === undefined).map(heldLock);
}

function heldLock(lease: SingleLease): HeldLock {
  const { name, label, access: mode, fencingToken, state, acquiredAt } = lease;
  return { name, label, mode, fencingToken, state, acquiredAt, remainingMs: lease.remainingMs() };
}
