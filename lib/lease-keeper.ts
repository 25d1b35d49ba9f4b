import type { Clock } from './clock.js';
import type { Lease } from './lease.js';
import type { LeaseTaker } from './line-surroundings.js';
import type { LockLostError } from './lock-errors.js';

/** What a lease asks of its manager. */
export interface LeaseKeeper {
  readonly clock: Clock;
  release(lease: Lease): Promise<'released' | 'lost'>;
  extend(lease: Lease, leaseMs: number): Promise<void>;
  run<T>(lease: Lease, work: (lease: Lease) => T | PromiseLike<T>): Promise<T>;
  /** The lease just became lost. Called once, synchronously. */
  lost(lease: Lease, error: LockLostError): void;
  /** The lease just became uncertain. */
  doubted(lease: Lease): void;
  /** The clocks give reason to doubt: ask the store now. */
  recheck(lease: Lease): void;
  /** An uncertain lease is certain again. */
  certain(lease: Lease): void;
}

/** What a new lease begins with. */
export interface LeaseStart {
  readonly taker: LeaseTaker;
  readonly fencingToken: number;
  /** Monotonic. */
  readonly nowMs: number;
}
