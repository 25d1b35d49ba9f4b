import type { Clock, ClockReading } from './clock.js';
import type { Lease } from './lease.js';
import type { LockLostError } from './lock-errors.js';
import type { Hold } from './stores/lock-store.js';

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

/** What a grant gives to a new lease. */
export interface LeaseStart {
  readonly hold: Hold;
  readonly deadlineMs: number;
  readonly leaseMs: number;
  readonly renew: boolean;
  readonly label: string;
  readonly waitedMs: number;
  /** Both clocks as they stood when the store was asked. */
  readonly asOf: ClockReading;
}
