import type { Sleeper } from '../runtime/alarm-clock.js';
import type { ClockReading } from '../runtime/clock.js';
import type { SingleLease } from './single-lease.js';
import type { AcquireSettings } from '../acquire-options.js';
import { isShareable } from '../stores/lock-modes.js';
import type { Grant, Hold, OnSent, ReleaseOutcome } from '../stores/lock-store.js';

/**
 * How far the wall clock may run ahead of the monotonic one before we doubt a hold. A slewing NTP client moves it by 0.5 ms
 * per second at most, 15 ms in a default lease; a suspend or a step is larger.
 */
const WALL_AHEAD_DOUBT_MS = 200;
/** While the store says that nobody else waits, a slice doubles up to this. */
const LONGEST_SLICE_MS = 80;
/** Of the fencing tokens that the store's clock has passed since the grant, one a microsecond, by clocks that differ by 2 %. */
const FENCES_PER_MS = 980;

/** Whose a hold is in this process: it decides what becomes of the hold when a lease on it is over. */
export interface HoldOwner {
  /** The lease ended in time. A promise when the store has to be asked, with what it says of the ended hold. */
  ended(kept: KeptHold, now: ClockReading, onSent?: OnSent): ReleaseOutcome | Promise<ReleaseOutcome>;
  /** The hold is ours no more. */
  lost(kept: KeptHold): void;
  /** It will not be handed on: whoever waits for that asks the store. */
  notHandedOn(): void;
}

/** Where a hold comes from. */
export interface HoldOrigin {
  readonly owner: HoldOwner;
  /** Both clocks as they stood when the store was asked. */
  readonly asOf: ClockReading;
}

/**
 * A hold as this process keeps it: until when it may be believed, whose it is here, and how far its fencing tokens are used. It
 * serves one lease at a time and those that entered it again, and a run of leases when it is handed on inside the process (cohort
 * hand-off, DESIGN 6.7: what cohort locks do between the processors of one machine, Dice, Marathe and Shavit, «Lock Cohorting», 2012).
 */
export class KeptHold implements Sleeper {
  readonly hold: Hold;
  readonly owner: HoldOwner;
  /** Who uses it now, and speaks for all who do; undefined between two leases. */
  lease: SingleLease | undefined;
  /** Who uses it beside that one. Made for the first of them: most holds serve one lease at a time. */
  #others: Set<SingleLease> | undefined;
  /** Monotonic: until when it may be believed. */
  deadlineMs: number;
  /** Something makes us doubt; a renewal is under way. */
  doubted = false;
  /** Granted for less than was asked for, or while the machine slept: to be confirmed before its first lease is handed out. */
  unconfirmed = false;
  /** Lost between two leases, when there is no lease to tell. */
  lost = false;
  /** The store was asked to keep it for longer than its leases: who dies with it would block others for longer than it asked for. */
  stretched = false;
  /** The watchdog's: not forgotten yet. */
  watched = false;
  /** The watchdog's. Monotonic; Infinity: not to be renewed. */
  renewAtMs = Infinity;
  /** The watchdog's: single flight. */
  renewing = false;
  alarmAtMs = Infinity;
  alarmIndex = 0;

  readonly #settings: AcquireSettings;
  /** When the request was sent by which the store last confirmed it. */
  #confirmed: ClockReading;
  /** The lease that the store has given, which may be shorter than asked for. */
  #grantedMs: number;
  #sliceMs: number;
  #sliceEndsAtMs: number;
  /** Since the slice began. */
  #isWaitedFor = false;
  /** The token that the store gave last, and when we learned of it: what counting on begins with. */
  #fence: number;
  #fenceKnownAtMs: number;
  /** That token came with a hold that was kept: no lease has it yet. */
  #fenceIsUnused = false;

  /** @param nowMs when we learned of the grant (monotonic) */
  constructor(
    grant: Grant,
    { settings, origin }: { settings: AcquireSettings; origin: HoldOrigin },
    nowMs: number,
  ) {
    this.hold = grant.hold;
    this.owner = origin.owner;
    this.deadlineMs = grant.deadlineMs;
    this.#settings = settings;
    this.#confirmed = origin.asOf;
    this.#grantedMs = grant.leaseMs;
    this.#sliceMs = settings.cohortMs;
    this.#sliceEndsAtMs = nowMs + this.#sliceMs;
    this.#fence = grant.hold.fencingToken;
    this.#fenceKnownAtMs = nowMs;
  }

  /** All who use it now, whoever speaks for them first. */
  get leases(): SingleLease[] {
    return this.lease === undefined ? [] : [this.lease, ...(this.#others ?? [])];
  }

  join(lease: SingleLease): void {
    if (this.lease === undefined) this.lease = lease;
    else (this.#others ??= new Set()).add(lease);
  }

  leave(lease: SingleLease): void {
    if (this.lease !== lease) {
      this.#others?.delete(lease);
      return;
    }
    const [next] = this.#others ?? [];
    this.lease = next;
    if (next !== undefined) this.#others?.delete(next);
  }

  /** What a renewal asks for, in ms. */
  get leaseMs(): number {
    return this.#settings.leaseMs;
  }

  /** How long the one who acquired it was willing to wait, in ms. */
  get waitMs(): number {
    return this.#settings.waitMs;
  }

  /** It is in its caller's hands: from now on an early release leaves the name taken. What nobody had is free at once. */
  inHands(): void {
    const { minHoldMs } = this.#settings;
    if (minHoldMs > 0) this.hold.minHoldMs = minHoldMs;
  }

  get renews(): boolean {
    return this.#settings.renew;
  }

  /** The store confirmed it, asked at `asOf`. */
  confirm(deadlineMs: number, asOf: ClockReading): void {
    this.deadlineMs = deadlineMs;
    this.#confirmed = asOf;
  }

  /** How far the wall clock has run ahead of the monotonic one since the store confirmed us, in ms. */
  wallAheadMs(now: ClockReading): number {
    return now.wallMs - this.#confirmed.wallMs - (now.monotonicMs - this.#confirmed.monotonicMs);
  }

  isDoubtful(now: ClockReading): boolean {
    return this.lost || this.doubted || this.wallAheadMs(now) > WALL_AHEAD_DOUBT_MS;
  }

  /** May one who asked for this join it, beside those who use it? Its lease must be long enough. */
  letsIn(settings: AcquireSettings): boolean {
    const own = this.#settings;
    const isSame = own.mode === settings.mode && isShareable(own.mode);
    return isSame && settings.leaseMs <= own.leaseMs && this.#staysHere(settings);
  }

  /** May it be handed on to one who asked for this? Another lease is a promise that it cannot keep. */
  suits(settings: AcquireSettings): boolean {
    const own = this.#settings;
    return (
      !this.stretched &&
      own.leaseMs === settings.leaseMs &&
      // Each upgradeable hold is a grant of its own, because only an exclusive one counts its fencing tokens on.
      own.mode === 'exclusive' &&
      settings.mode === 'exclusive' &&
      own.limit === settings.limit &&
      own.weight === settings.weight &&
      this.#staysHere(settings)
    );
  }

  /** Do both want that a hold goes from caller to caller? A lease that is not renewed is a promise about one hold. */
  #staysHere(settings: AcquireSettings): boolean {
    const own = this.#settings;
    const arePlain = own.minHoldMs === 0 && settings.minHoldMs === 0; // a least time counts from a grant of its own
    return arePlain && own.renew && settings.renew && own.cohortMs > 0 && settings.cohortMs > 0;
  }

  /** Is it time to ask the store whether others wait? Asking makes the hold last longer too, so it is asked before the lease gets short. */
  sliceIsOver(nowMs: number): boolean {
    return nowMs >= this.#sliceEndsAtMs || this.deadlineMs - nowMs < this.#grantedMs / 2;
  }

  /** Nobody else waits: the store has kept it for us, with a new fencing token. */
  beginSlice(nowMs: number): void {
    const { cohortMs, leaseMs } = this.#settings;
    this.#sliceMs = this.#isWaitedFor
      ? cohortMs
      : Math.max(cohortMs, Math.min(LONGEST_SLICE_MS, this.#sliceMs * 2));
    this.#isWaitedFor = false;
    this.#sliceEndsAtMs = nowMs + this.#sliceMs;
    this.#grantedMs = leaseMs;
    this.#fence = this.hold.fencingToken;
    this.#fenceKnownAtMs = nowMs;
    this.#fenceIsUnused = true;
  }

  /** Somebody is queued behind it: the slice ends as if it had not been made longer, and so does the next one, if that answer is on its way. */
  waitedFor(): void {
    const { cohortMs } = this.#settings;
    this.#sliceEndsAtMs -= this.#sliceMs - cohortMs;
    this.#sliceMs = cohortMs;
    this.#isWaitedFor = true;
  }

  /**
   * The next token to be used under this hold: one more than the last, as long as the store's clock has passed it already, because
   * the promise «no token exceeds the store's clock» is what makes tokens rise over a loss of data. undefined: ask the store for one.
   */
  nextFence(nowMs: number): number | undefined {
    if (this.#fenceIsUnused) {
      // Not one more: by a clock that has not moved since, the store would be asked for ever.
      this.#fenceIsUnused = false;
      return this.hold.fencingToken;
    }
    const next = Math.max(this.hold.lastFencingToken, this.hold.fencingToken) + 1;
    if (next > this.#fence + (nowMs - this.#fenceKnownAtMs) * FENCES_PER_MS) return undefined;
    this.hold.lastFencingToken = next;
    return next;
  }
}
