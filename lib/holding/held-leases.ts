// over budget: each way in which a lease begins and ends is here, and hands on to the file that does it.
import { abandon, attempt } from '../runtime/attempt.js';
import { type ClockReading, readClocks } from '../runtime/clock.js';
import { type HoldOrigin, KeptHold } from './kept-hold.js';
import type { Lease } from './lease.js';
import { EarlyLosses } from './early-losses.js';
import type { Ending, LeaseKeeper, LeaseStart, LeaseTaker } from './lease-keeper.js';
import { HoldBounds } from './hold-bounds.js';
import { FleetingMap } from '../runtime/fleeting-map.js';
import { LeaseWatchdog } from './lease-watchdog.js';
import { runWork, type Work } from './lease-work.js';
import type { LockLostError, LossCause } from '../lock-errors.js';
import type { LockAudience } from '../lock-events.js';
import { LimitNews } from './limit-news.js';
import { extendLeases } from './extend-leases.js';
import { JointLease } from './joint-lease.js';
import { LockFrames } from './lock-frames.js';
import { ModeChanges, type UpgradeOptions } from './mode-changes.js';
import { SingleLease } from './single-lease.js';
import type { ManagerSettings } from '../lock-options.js';
import { describe, Releases } from './releases.js';
import { renewWithin } from './renew-within.js';
import { renewalsOf } from './store-renewals.js';
import { isIntention } from '../stores/lock-modes.js';
import type { Grant, OnSent } from '../stores/lock-store.js';

/** Losses after which the store may still keep the hold for us. */
const LEFT_BEHIND: ReadonlySet<LossCause> = new Set(['expired', 'forced', 'held-too-long']);

/**
 * Every lease of this process from grant to end, and the holds behind them. A lease ends once, in one of two ways: released by its
 * user, or lost (deadline, the store's word, force, shutdown). A hold outlives its lease only to serve the next one; after its end
 * nothing is renewed and no timer is left.
 */
export class HeldLeases implements LeaseKeeper {
  readonly frames = new LockFrames();
  readonly releases: Releases;
  readonly #watchdog: LeaseWatchdog;
  readonly #modes: ModeChanges;
  readonly #limits: LimitNews;
  readonly #bounds: HoldBounds;
  /** By owner token: what a push from the store names. */
  readonly #holds = new FleetingMap<string, KeptHold>();
  readonly #early = new EarlyLosses();
  #onEmpty: (() => void) | undefined;

  constructor(
    private readonly settings: ManagerSettings,
    private readonly audience: LockAudience,
  ) {
    const { clock, randomness, store } = settings;
    this.releases = new Releases(clock, audience, store.capabilities);
    this.#watchdog = new LeaseWatchdog(clock, randomness, renewalsOf(store));
    const watch = ({ kept }: SingleLease, { leaseMs }: Grant) =>
      this.#watchdog.watch(kept, clock.monotonicMs(), leaseMs);
    this.#limits = new LimitNews((message) => audience.emit('warning', { message }));
    this.#bounds = new HoldBounds(clock);
    this.#modes = new ModeChanges({ clock, store, watch });
  }

  upgrade(lease: SingleLease, options?: UpgradeOptions): Promise<void> {
    return this.#modes.upgrade(lease, options);
  }

  downgrade(lease: SingleLease): Promise<void> {
    return this.#modes.downgrade(lease);
  }

  get clock() {
    return this.settings.clock;
  }

  /** Those that have not ended, oldest first. */
  list(): SingleLease[] {
    return this.#holds.values().flatMap(({ lease }) => (lease?.active === true ? [lease] : []));
  }

  /** A request with this owner token is on its way. */
  asking(ownerToken: string): void {
    this.#early.asking(ownerToken);
  }

  /** The request with this owner token ended without a hold. */
  unused(ownerToken: string): void {
    this.#early.unused(ownerToken);
  }

  /** The first lease on a hold; it may have been lost on its way. */
  begin(grant: Grant, taker: LeaseTaker, origin: HoldOrigin): SingleLease {
    const { hold, leaseMs: grantedMs } = grant;
    const { settings } = taker;
    const now = readClocks(this.clock);
    const kept = new KeptHold(grant, { settings, origin }, now.monotonicMs);
    if (grant.limit !== undefined) this.#limits.otherInForce(hold.name, settings.limit, grant.limit);
    const { fencingToken } = hold;
    const lease = this.handOn(kept, taker, { fencingToken, now, isFirst: true });
    this.#holds.set(hold.ownerToken, kept);
    this.#watchdog.watch(kept, now.monotonicMs, grantedMs);
    const early = this.#early.take(hold.ownerToken);
    if (early !== undefined) lease.markLost(early.cause, early.note);
    // A pushed grant has a short first lease; the watchdog makes it longer in time, unless it must not renew. And a machine that
    // slept while it waited cannot trust its deadline.
    kept.unconfirmed = (!settings.renew && grantedMs < settings.leaseMs) || lease.state === 'uncertain';
    return lease;
  }

  /** A lease on a hold that this process has: the first, or the next. */
  handOn(kept: KeptHold, taker: LeaseTaker, given: Pick<LeaseStart, 'fencingToken' | 'now' | 'isFirst'>) {
    const lease = SingleLease.begin(this, kept, { taker, ...given });
    this.#bounds.bind(lease, taker.settings.maxHoldMs, given.now.monotonicMs);
    return lease;
  }

  /** A lease of the same call chain, through one that it is inside of. It costs no command, and changes nothing about the hold. */
  enter(outer: SingleLease, taker: LeaseTaker, onOver: () => void): SingleLease {
    const now = readClocks(this.clock);
    return SingleLease.begin(this, outer.kept, {
      taker,
      now,
      fencingToken: outer.fencingToken,
      outer,
      onOver,
    });
  }

  /** Before a lease is handed to its caller. It may end here: then it is not active, and was as if it had never been granted. */
  async confirm(lease: SingleLease, waitMs: number): Promise<void> {
    const { kept } = lease;
    kept.unconfirmed = false;
    await renewWithin([lease], waitMs > 0 ? Math.max(0, waitMs - lease.waitedMs) : Infinity, this.#watchdog);
    if (!lease.active || lease.remainingMs() > 0) return;
    // By the wall clock it has run out, and the store did not say otherwise.
    lease.markReleased();
    kept.owner.lost(kept);
    abandon(this.settings.store, kept.hold);
  }

  /** false: it ended before it was in its caller's hands. */
  handOut(lease: SingleLease): boolean {
    if (lease.isOver) return false;
    lease.kept.inHands();
    if (this.audience.has('acquired') && !isIntention(lease.access)) {
      this.audience.emit('acquired', { ...describe(lease), waitedMs: lease.waitedMs });
    }
    return true;
  }

  /** They ran while others were waited for, and nobody renews them. Those that were entered again are left as they are. */
  async freshen(leases: readonly SingleLease[], boundMs: number): Promise<void> {
    const own = leases.filter(({ outer }) => outer === undefined);
    if (own.length > 0) await renewWithin(own, Math.max(0, boundMs), this.#watchdog);
  }

  /** All parts of a lease on several names are in its caller's hands. @param ancestors those that it did not ask for by their names */
  join(parts: readonly SingleLease[], ancestors: ReadonlySet<string>, taker: LeaseTaker): JointLease {
    const now = readClocks(this.clock);
    const lease = new JointLease(this, parts, { ancestors, taker, now });
    for (const part of parts) {
      if (part.outer !== undefined) continue;
      this.#bounds.bind(part, taker.settings.maxHoldMs, now.monotonicMs);
      this.handOut(part);
    }
    return lease;
  }

  /** The store has kept the hold for us, between two leases; asked at `asOf`. */
  confirmed(kept: KeptHold, deadlineMs: number, asOf: ClockReading): void {
    const nowMs = this.clock.monotonicMs();
    kept.confirm(deadlineMs, asOf);
    kept.doubted = false;
    kept.beginSlice(nowMs);
    this.#watchdog.watch(kept, nowMs, kept.leaseMs);
  }

  /** This hold is ours no more. */
  forget(kept: KeptHold): void {
    this.#watchdog.forget(kept);
    this.#holds.delete(kept.hold.ownerToken);
    if (this.#holds.size === 0) this.#onEmpty?.();
  }

  /** The store learned by itself that a hold is over. */
  onPushedLoss(ownerToken: string, cause: LossCause, note: string | undefined): void {
    const kept = this.#holds.get(ownerToken);
    if (kept?.lease !== undefined) kept.lease.markLost(cause, note);
    else if (kept !== undefined) kept.lost = true;
    else this.#early.note(ownerToken, { cause, note });
  }

  /** The store says that somebody is queued behind a hold. */
  onWaitedFor(ownerToken: string): void {
    this.#holds.get(ownerToken)?.waitedFor();
  }

  run<T>(lease: Lease | Promise<Lease>, work: Work<T>): Promise<T> {
    return runWork(lease, this, work);
  }

  extend(leases: readonly SingleLease[], leaseMs: number): Promise<void> {
    return extendLeases(leases, leaseMs, (holds, ms) => this.#watchdog.renewNow(holds, ms));
  }

  release(lease: SingleLease, onSent?: OnSent): Ending | Promise<Ending> {
    return this.releases.end(lease, onSent);
  }

  lost(lease: SingleLease, error: LockLostError): void {
    const { kept } = lease;
    this.lostToo(lease);
    // What was sent before may still arrive, a renewal that keeps the key alive or a poll that takes it again after its end by
    // force, and then for nobody: end it with the same token.
    // A holder that hangs gives nothing back: we do.
    if (LEFT_BEHIND.has(error.cause)) abandon(this.settings.store, kept.hold);
    kept.owner.lost(kept);
  }

  lostToo(lease: SingleLease): void {
    const { lossError: error } = lease;
    if (error !== undefined) this.audience.emit('lost', { ...describe(lease), cause: error.cause, error });
  }

  doubted(lease: SingleLease): void {
    this.audience.emit('uncertain', describe(lease));
  }

  recheck(lease: SingleLease): void {
    this.#watchdog.hurry(lease.kept);
  }

  certain(lease: SingleLease): void {
    this.audience.emit('renewed', describe(lease));
  }

  /** Holders have `drainMs`; then their leases become lost *before* they are given away, so that two sections never run. */
  async close(): Promise<void> {
    await this.#drained();
    const leftovers = this.list();
    for (const lease of leftovers) lease.markLost('shutdown');
    await Promise.allSettled(
      leftovers.map((lease) => attempt(() => this.settings.store.release(lease.hold))),
    );
  }

  #drained(): Promise<void> {
    // A test that moves the clock itself has nobody to move it by 0 ms.
    if (this.#holds.size === 0 || this.settings.drainMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(this.settings.drainMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}
