import { type ClockReading, readClocks } from '../runtime/clock.js';
import { LockLostError, type LossCause, releasedError, uncertainError } from '../lock-errors.js';
import type { KeptHold } from './kept-hold.js';
import type { Ending, LeaseKeeper, LeaseStart, LeaseState } from './lease-keeper.js';
import { newAbort } from '../runtime/stop-signal.js';
import type { Hold, OnSent } from '../stores/lock-store.js';

/**
 * The bounded right that a caller has after `acquire`. Everything it says about itself (`state`, `remainingMs`, `assertHeld`) is
 * computed from the clock at each read, so a stalled event loop cannot make it lie.
 */
export class Lease {
  /** The canonical name of the lock. */
  readonly name: string;
  /** Free text given at acquire. */
  readonly label: string;
  /** What a renewal asks for, in ms. */
  readonly leaseMs: number;
  /** Does the watchdog renew this lease? */
  readonly renews: boolean;
  /** How long the caller waited for it, in ms. */
  readonly waitedMs: number;
  /** Does `using` go on when the release is on its way? @internal */
  readonly sends: boolean;

  readonly #keeper: LeaseKeeper;
  readonly #kept: KeptHold;
  /** Of the hold when it began; see `fencingToken`. */
  #fencingToken: number;
  readonly #started: ClockReading;
  #released = false;
  #loss: LockLostError | undefined;
  #abort: AbortController | undefined;
  #ending: Ending | Promise<Ending> | undefined;

  /** A class so that it may stand as the type of a decorated parameter; leases come from a lock manager. */
  private constructor(keeper: LeaseKeeper, kept: KeptHold, { taker, fencingToken, now }: LeaseStart) {
    const { settings } = taker;
    this.#keeper = keeper;
    this.#kept = kept;
    this.name = kept.hold.name;
    this.label = settings.label;
    this.leaseMs = settings.leaseMs;
    this.renews = settings.renew;
    this.sends = settings.release === 'sent';
    this.waitedMs = now.monotonicMs - taker.calledAtMs;
    this.#fencingToken = fencingToken;
    this.#started = now;
    kept.lease = this;
  }

  /** @internal */
  static begin(keeper: LeaseKeeper, kept: KeptHold, start: LeaseStart): Lease {
    return new Lease(keeper, kept, start);
  }

  /** All names of this lease. */
  get names(): readonly string[] {
    return [this.name];
  }

  /**
   * Grows with every grant of this name, over restarts and data loss of the store too. Write it together with your data and
   * refuse a smaller one: that is what keeps a stale holder out when it wakes up late.
   */
  get fencingToken(): number {
    const { lease, hold } = this.#kept;
    // The store may have granted the same hold anew meanwhile. Once ours has ended, the hold goes on without us.
    return lease === this ? Math.max(this.#fencingToken, hold.fencingToken) : this.#fencingToken;
  }

  /** Name → fencing token. */
  get fencingTokens(): ReadonlyMap<string, number> {
    return new Map([[this.name, this.fencingToken]]);
  }

  /** When this process got the lock, by its wall clock. */
  get acquiredAt(): Date {
    return new Date(this.#started.wallMs);
  }

  get state(): LeaseState {
    if (this.isOver) return this.#released ? 'released' : 'lost';
    return this.#stateAt(readClocks(this.#keeper.clock));
  }

  #stateAt(now: ClockReading): LeaseState {
    if (now.monotonicMs >= this.#kept.deadlineMs) {
      this.markLost('expired');
      return 'lost';
    }
    if (this.#kept.doubted) return 'uncertain';
    if (!this.#kept.isDoubtful(now)) return 'held';
    this.markUncertain();
    this.#keeper.recheck(this);
    return 'uncertain';
  }

  /**
   * Aborts when the lease is lost, with the LockLostError as reason; never because of a release. Give it to whatever the work
   * calls: `fetch(url, { signal: lease.signal })`. Made when first read.
   */
  get signal(): AbortSignal {
    return (this.#abort ??= newAbort(this.#loss)).signal;
  }

  /** How long the lease may still be believed, in ms; 0 when it is lost or released. */
  remainingMs(): number {
    return this.remainingAt(readClocks(this.#keeper.clock));
  }

  /**
   * Call it right before a step that must not run twice.
   *
   * @throws LockLostError when lost · LockStoreError when uncertain · LockUsageError when released
   */
  assertHeld(): void {
    const state = this.state;
    if (state === 'held') return;
    if (this.#loss !== undefined) throw this.#loss;
    throw state === 'released' ? releasedError(this.name) : uncertainError(this.name);
  }

  /**
   * Makes the lease last at least `ms` from now (default: its `leaseMs`); never shortens it.
   *
   * @throws LockLostError · LockStoreError when the store gave no answer · LockUsageError when released or `ms` is out of range
   */
  extend(ms: number = this.leaseMs): Promise<void> {
    return this.#keeper.extend(this, ms);
  }

  /**
   * Gives the lock to the next waiter. Idempotent: every call gets the answer of the first. 'lost': it was no longer ours, so
   * somebody else may have run beside us. Does not follow any caller's cancellation.
   *
   * @throws LockStoreError when the store gave no answer; the attempt goes on in the background until the lease has run out
   */
  release(): Promise<'released' | 'lost'> {
    return Promise.resolve(this.end());
  }

  /** As `release`, without a promise where nobody has to be asked. @internal */
  end(onSent?: OnSent): Ending | Promise<Ending> {
    return (this.#ending ??= this.#keeper.release(this, onSent));
  }

  /** Runs the work inside this lease and releases it afterwards; see `LockManager.using`. */
  using<T>(work: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    return this.#keeper.run(this, work);
  }

  /** `await using lease = await locks.acquire(…)`: a release that fails is reported as event `releaseFailed`, not thrown. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => undefined);
  }

  /** How long it has been held, in ms. @internal */
  get heldMs(): number {
    return this.#keeper.clock.monotonicMs() - this.#started.monotonicMs;
  }

  /** Not a field: it has the owner token, which must not appear when a lease is printed. @internal */
  get kept(): KeptHold {
    return this.#kept;
  }

  /** The store's record. @internal */
  get hold(): Hold {
    return this.#kept.hold;
  }

  /** Monotonic. @internal */
  get deadlineMs(): number {
    return this.#kept.deadlineMs;
  }

  /** @internal */
  remainingAt(now: ClockReading): number {
    if (this.isOver || this.#stateAt(now) === 'lost') return 0;
    return Math.max(0, this.#kept.deadlineMs - now.monotonicMs - Math.max(0, this.#kept.wallAheadMs(now)));
  }

  /** Known to be lost or released, without a look at the clock. @internal */
  get isOver(): boolean {
    return this.#released || this.#loss !== undefined;
  }

  /** Neither lost nor released. @internal */
  get active(): boolean {
    const state = this.state;
    return state === 'held' || state === 'uncertain';
  }

  /** @internal */
  get lossError(): LockLostError | undefined {
    return this.#loss;
  }

  /**
   * The store confirmed us, asked at `asOf`. Its word replaces the deadline even if that makes it earlier: after a suspend the
   * old one is too late. A confirmation of a lease that already ended changes nothing. @internal
   */
  markConfirmed(deadlineMs: number, asOf: ClockReading): void {
    if (this.#released || this.#loss !== undefined) return;
    if (this.#keeper.clock.monotonicMs() >= this.#kept.deadlineMs) {
      this.markLost('expired');
      return;
    }
    this.#kept.confirm(deadlineMs, asOf);
    if (!this.#kept.doubted) return;
    this.#kept.doubted = false;
    this.#keeper.certain(this);
  }

  /** @internal */
  markUncertain(): void {
    if (this.#kept.doubted || this.#released || this.#loss !== undefined) return;
    this.#kept.doubted = true;
    this.#keeper.doubted(this);
  }

  /** @internal */
  markLost(cause: LossCause, note?: string): void {
    if (this.#released || this.#loss !== undefined) return;
    this.#end();
    this.#loss = new LockLostError(this.name, note === undefined ? { cause } : { cause, note });
    this.#keeper.lost(this, this.#loss);
    this.#abort?.abort(this.#loss);
  }

  /** @internal */
  markReleased(): void {
    if (this.#loss !== undefined) return;
    this.#end();
    this.#released = true;
  }

  /** The store refused the release: it had been lost without our knowing. @internal */
  markReleaseRefused(): void {
    this.#released = false;
    this.markLost('taken');
  }

  #end(): void {
    this.#fencingToken = this.fencingToken;
    if (this.#kept.lease === this) this.#kept.lease = undefined;
  }
}
