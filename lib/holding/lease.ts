import type { LockLostError } from '../lock-errors.js';
import type { LockMode, OnSent } from '../stores/lock-store.js';
import type { Ending, LeaseState } from './lease-keeper.js';
import type { UpgradeOptions } from './mode-changes.js';
import type { SingleLease } from './single-lease.js';

/**
 * The bounded right that a caller has after `acquire`. Everything it says about itself (`state`, `remainingMs`, `assertHeld`) is
 * computed from the clock at each read, so a stalled event loop cannot make it lie.
 *
 * A class so that it may stand as the type of a decorated parameter; leases come from a lock manager.
 */
export abstract class Lease {
  /** The canonical name of the lock. @throws LockUsageError LOCK_SEVERAL_NAMES when it has several: read `names` */
  abstract readonly name: string;
  /** Free text given at acquire. */
  abstract readonly label: string;
  /** Whom it lets in beside us; changes with `upgrade` and `downgrade`. A permit of a limit is 'exclusive' to its holder. */
  abstract get mode(): LockMode;
  /** What a renewal asks for, in ms. */
  abstract readonly leaseMs: number;
  /** Does the watchdog renew this lease? */
  abstract readonly renews: boolean;
  /** How long the caller waited for it, in ms. */
  abstract readonly waitedMs: number;
  /** Does `using` go on when the release is on its way? @internal */
  abstract readonly sends: boolean;
  /** @internal */
  abstract readonly lossError: LockLostError | undefined;

  /** All names of this lease, each once, by the bytes of UTF-8: the order in which they are taken. */
  abstract get names(): readonly string[];

  /**
   * Grows with every grant of this name, over restarts and data loss of the store too. Write it together with your data and
   * refuse a smaller one: that is what keeps a stale holder out when it wakes up late. A lease that was entered again has the same.
   *
   * @throws LockUsageError LOCK_SEVERAL_NAMES when it has several names: each has its own in `fencingTokens`
   */
  abstract get fencingToken(): number;

  /** Name → fencing token. */
  abstract get fencingTokens(): ReadonlyMap<string, number>;

  /** When this process got the lock, by its wall clock. */
  abstract get acquiredAt(): Date;

  abstract get state(): LeaseState;

  /**
   * Aborts when the lease is lost, with the LockLostError as reason; never because of a release. Give it to whatever the work
   * calls: `fetch(url, { signal: lease.signal })`. Made when first read.
   */
  abstract get signal(): AbortSignal;

  /** How long the lease may still be believed, in ms; 0 when it is lost or released. */
  abstract remainingMs(): number;

  /**
   * Call it right before a step that must not run twice.
   *
   * @throws LockLostError when lost · LockStoreError when uncertain · LockUsageError when released
   */
  abstract assertHeld(): void;

  /**
   * Makes the lease last at least `ms` from now (default: its `leaseMs`); never shortens it.
   *
   * @throws LockLostError · LockStoreError when the store gave no answer · LockUsageError when released or `ms` is out of range
   */
  abstract extend(ms?: number): Promise<void>;

  /**
   * Makes an upgradeable lease exclusive, with a new fencing token, as soon as the others who share the lock have left; new ones wait
   * meanwhile. When it is refused or given up, the lease stays upgradeable.
   *
   * @throws LockBusyError · LockStoreError · LockLostError · LockUsageError for a lease that is not upgradeable · `signal.reason`
   */
  abstract upgrade(options?: UpgradeOptions): Promise<void>;

  /**
   * Makes an exclusive or upgradeable lease shared: it keeps its fencing token, and others who share are let in. From the call on it counts
   * as shared, also when the store gives no answer; then nobody knows whether others were let in, and it may be called again.
   *
   * @throws LockStoreError when the store gave no answer · LockLostError · LockUsageError when it is shared already, or somebody is inside who does not share it
   */
  abstract downgrade(): Promise<void>;

  /** Runs the work inside this lease and releases it afterwards; see `LockManager.using`. */
  abstract using<T>(work: (lease: Lease) => T | PromiseLike<T>): Promise<T>;

  /** As `release`, without a promise where nobody has to be asked. @internal */
  abstract end(onSent?: OnSent): Ending | Promise<Ending>;

  /** The lease on this name, if it has one. @internal */
  abstract partOn(name: string): SingleLease | undefined;

  /** Would only the store know whether it is still ours? @internal */
  abstract get isDoubted(): boolean;

  /**
   * Gives the lock to the next waiter. Idempotent: every call gets the answer of the first. 'lost': it was no longer ours, so
   * somebody else may have run beside us. Does not follow any caller's cancellation. While others are inside that entered it
   * again, it is theirs: the lock is given away when the last of them leaves.
   *
   * @throws LockStoreError when the store gave no answer; the attempt goes on in the background until the lease has run out
   */
  release(): Promise<'released' | 'lost'> {
    return Promise.resolve(this.end());
  }

  /** `await using lease = await locks.acquire(…)`: a release that fails is reported as event `releaseFailed`, not thrown. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => undefined);
  }
}
