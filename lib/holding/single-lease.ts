// over budget: one object a section: its parts would be objects of their own on the hot path
import { type ClockReading, readClocks } from '../runtime/clock.js';
import { LockLostError, type LossCause, releasedError, uncertainError } from '../lock-errors.js';
import type { HoldBound } from './hold-bounds.js';
import type { KeptHold } from './kept-hold.js';
import { Lease } from './lease.js';
import type { Ending, LeaseKeeper, LeaseStart, LeaseState } from './lease-keeper.js';
import type { UpgradeOptions } from './mode-changes.js';
import { newAbort } from '../runtime/stop-signal.js';
import { isIntention } from '../stores/lock-modes.js';
import type { AccessMode, Hold, LockMode, OnSent } from '../stores/lock-store.js';

/** A lease on one name: one of those who use one hold, see {@link KeptHold}. */
export class SingleLease extends Lease {
  readonly name: string;
  readonly label: string;
  readonly leaseMs: number;
  readonly renews: boolean;
  readonly waitedMs: number;
  /** Of a permit. @internal */
  readonly limit: number | undefined;
  /** @internal */
  readonly weight: number;
  readonly sends: boolean;
  /** Of its hold: its token is the store's. @internal */
  readonly isFirst: boolean;
  /** Entered again: the lease that it was entered through. @internal */
  readonly outer: SingleLease | undefined;

  /** Until when it may be held, with all that entered it again; undefined: as long as it is renewed. @internal */
  bound: HoldBound | undefined;

  readonly #keeper: LeaseKeeper;
  readonly #kept: KeptHold;
  /** Of the hold when it began; see `fencingToken`. */
  #fencingToken: number;
  readonly #started: ClockReading;
  readonly #onOver: (() => void) | undefined;
  #access: AccessMode;
  #onLoss: (() => void) | undefined;
  #released = false;
  #loss: LockLostError | undefined;
  #abort: AbortController | undefined;
  #ending: Ending | Promise<Ending> | undefined;

  private constructor(keeper: LeaseKeeper, kept: KeptHold, start: LeaseStart) {
    super();
    const { taker, now, outer } = start;
    const { settings } = taker;
    this.#keeper = keeper;
    this.#kept = kept;
    this.name = kept.hold.name;
    this.label = settings.label;
    this.#access = settings.mode;
    this.limit = settings.limit;
    this.weight = settings.weight;
    // Who enters again changes nothing about the hold.
    this.leaseMs = outer?.leaseMs ?? settings.leaseMs;
    this.renews = outer?.renews ?? settings.renew;
    this.sends = settings.release === 'sent';
    this.waitedMs = now.monotonicMs - taker.calledAtMs;
    this.outer = outer;
    this.isFirst = start.isFirst === true;
    this.bound = outer?.bound;
    this.#fencingToken = start.fencingToken;
    this.#started = outer === undefined ? now : outer.#started;
    this.#onOver = start.onOver;
    kept.join(this);
  }

  /** @internal */
  static begin(keeper: LeaseKeeper, kept: KeptHold, start: LeaseStart): SingleLease {
    return new SingleLease(keeper, kept, start);
  }

  /** Of a part that nobody is given, above a lock further down: it lets others in, as a shared one does. */
  get mode(): LockMode {
    return isIntention(this.#access) ? 'shared' : this.#access;
  }

  /** How the store was asked for it. @internal */
  get access(): AccessMode {
    return this.#access;
  }

  /** @internal */
  changeMode(mode: LockMode): void {
    this.#access = mode;
  }

  get names(): readonly string[] {
    return [this.name];
  }

  get fencingToken(): number {
    // The store may have granted the same hold anew meanwhile. Once ours has ended, the hold goes on without us.
    return this.isOver ? this.#fencingToken : Math.max(this.#fencingToken, this.#kept.hold.fencingToken);
  }

  get fencingTokens(): ReadonlyMap<string, number> {
    return new Map([[this.name, this.fencingToken]]);
  }

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
    if (this.bound !== undefined && now.monotonicMs >= this.bound.untilMs) {
      this.#endChain('held-too-long');
      return 'lost';
    }
    if (this.#kept.doubted) return 'uncertain';
    if (!this.#kept.isDoubtful(now)) return 'held';
    this.markUncertain();
    this.#keeper.recheck(this);
    return 'uncertain';
  }

  get signal(): AbortSignal {
    return (this.#abort ??= newAbort(this.#loss)).signal;
  }

  remainingMs(): number {
    return this.remainingAt(readClocks(this.#keeper.clock));
  }

  assertHeld(): void {
    const state = this.state;
    if (state === 'held') return;
    if (this.#loss !== undefined) throw this.#loss;
    throw state === 'released' ? releasedError(this.name) : uncertainError(this.name);
  }

  extend(ms: number = this.leaseMs): Promise<void> {
    return this.#keeper.extend([this], ms);
  }

  upgrade(options?: UpgradeOptions): Promise<void> {
    return this.#keeper.upgrade(this, options);
  }

  downgrade(): Promise<void> {
    return this.#keeper.downgrade(this);
  }

  end(onSent?: OnSent): Ending | Promise<Ending> {
    return (this.#ending ??= this.#keeper.release(this, onSent));
  }

  using<T>(work: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    return this.#keeper.run(this, work);
  }

  partOn(name: string): SingleLease | undefined {
    return name === this.name ? this : undefined;
  }

  /** For a lease on several names, of which this is a part. The listener must not throw. @internal */
  whenLost(listener: () => void): void {
    this.#onLoss = listener;
  }

  /** The one that all the others of its call chain entered again; itself when it is the first. @internal */
  get outermost(): SingleLease {
    return this.outer?.outermost ?? this;
  }

  get isDoubted(): boolean {
    return this.#kept.doubted;
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
    const leaseMs = this.#kept.deadlineMs - now.monotonicMs - Math.max(0, this.#kept.wallAheadMs(now));
    return Math.max(0, Math.min(leaseMs, (this.bound?.untilMs ?? Infinity) - now.monotonicMs));
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
    if (this.isOver) return;
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
    if (this.#kept.doubted || this.isOver) return;
    this.#kept.doubted = true;
    this.#keeper.doubted(this);
  }

  /** The hold is lost, and with it every lease on it; those of one call chain are told of as one. @internal */
  markLost(cause: LossCause, note?: string): void {
    if (!this.isOver) this.#endLeases(this.#kept.leases, { cause, note });
  }

  /** This lease and all that entered it again; others who share the hold keep theirs. */
  #endChain(cause: LossCause): void {
    const { bound } = this;
    this.#endLeases(
      this.#kept.leases.filter((lease) => lease.bound === bound),
      { cause },
    );
  }

  #endLeases(
    leases: readonly SingleLease[],
    { cause, note }: { cause: LossCause; note?: string | undefined },
  ): void {
    for (const lease of leases) lease.#lose(cause, note);
    const [first = this] = leases;
    first.#tellLoss();
    for (const lease of leases)
      if (lease !== first && lease.outer === undefined) lease.#keeper.lostToo(lease);
    for (const lease of leases) lease.#signalLoss();
    for (const lease of leases) lease.#onOver?.();
  }

  #lose(cause: LossCause, note?: string): void {
    this.#leave();
    this.#loss = new LockLostError(this.name, note === undefined ? { cause } : { cause, note });
  }

  #tellLoss(): void {
    if (this.#kept.lease === undefined) this.#keeper.lost(this, this.#loss as LockLostError);
    else this.#keeper.lostToo(this); // others still use the hold
  }

  #signalLoss(): void {
    this.#abort?.abort(this.#loss);
    this.#onLoss?.();
  }

  /** @internal */
  markReleased(): void {
    if (this.#loss !== undefined) return;
    this.#leave();
    this.#released = true;
    this.#onOver?.();
  }

  /** The store refused the release: it had been lost without our knowing. @internal */
  markReleaseRefused(): void {
    if (this.#loss !== undefined) return;
    this.#loss = new LockLostError(this.name, { cause: 'taken' });
    this.#released = false;
    this.#tellLoss();
    this.#signalLoss();
  }

  #leave(): void {
    this.#fencingToken = this.fencingToken;
    this.#kept.leave(this);
    this.bound?.left();
  }
}
