import type { Clock, ClockReading } from '../runtime/clock.js';
import type { Lease } from './lease.js';
import type { UpgradeOptions } from './mode-changes.js';
import type { SingleLease } from './single-lease.js';
import type { AcquireSettings } from '../acquire-options.js';
import type { LockLostError } from '../lock-errors.js';
import type { OnSent } from '../stores/lock-store.js';

/**
 * `held` ours, as far as clocks and the store can tell · `uncertain` we cannot tell (a renewal got no answer, or the wall clock
 * ran ahead of the monotonic one, as after a suspend); a renewal is under way · `lost` ours no more · `released` given back.
 */
export type LeaseState = 'held' | 'uncertain' | 'lost' | 'released';

/** How a lease ended: given back, or it was ours no longer. */
export type Ending = 'released' | 'lost';

/** What a lease asks of its manager. */
export interface LeaseKeeper {
  readonly clock: Clock;
  /** A promise only when the store has to be asked. */
  release(lease: SingleLease, onSent?: OnSent): Ending | Promise<Ending>;
  /** All with one command, where the store can. */
  extend(leases: readonly SingleLease[], leaseMs: number): Promise<void>;
  upgrade(lease: SingleLease, options?: UpgradeOptions): Promise<void>;
  downgrade(lease: SingleLease): Promise<void>;
  run<T>(lease: Lease, work: (lease: Lease) => T | PromiseLike<T>): Promise<T>;
  /** The lease just became lost. Called once, synchronously. */
  lost(lease: SingleLease, error: LockLostError): void;
  /** Another one on the same hold was lost with it. */
  lostToo(lease: SingleLease): void;
  /** The lease just became uncertain. */
  doubted(lease: SingleLease): void;
  /** The clocks give reason to doubt: ask the store now. */
  recheck(lease: SingleLease): void;
  /** An uncertain lease is certain again. */
  certain(lease: SingleLease): void;
}

/** For whom a lease is. */
export interface LeaseTaker {
  readonly settings: AcquireSettings;
  /** Monotonic. */
  readonly calledAtMs: number;
}

/** What a new lease begins with. */
export interface LeaseStart {
  readonly taker: LeaseTaker;
  readonly fencingToken: number;
  readonly now: ClockReading;
  /** It is entered again, through this lease. */
  readonly outer?: SingleLease;
  /** The hold has just been granted, and this is its first lease. */
  readonly isFirst?: true;
  /** It has ended, either way. Must not throw. */
  readonly onOver?: () => void;
}
