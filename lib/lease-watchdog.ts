import { type Clock, type ClockReading, readClocks, type Timer } from './clock.js';
import type { Lease } from './lease.js';
import type { Randomness } from './owner-token.js';
import type { RenewOutcome, RenewRequest } from './stores/lock-store.js';

interface Watched {
  readonly lease: Lease;
  /** Monotonic; Infinity: not to be renewed. */
  renewAtMs: number;
  /** Single flight: one renewal per lease at a time. */
  underWay: boolean;
}

/** A lease is renewed when a third of it has passed: two more tries fit in before its deadline. */
const RENEW_AFTER = 1 / 3;
/** Leases that come due within this part of their lease go in the same batch: few commands for many leases. */
const BATCH_WINDOW = 0.1;
/** Renewals of processes that started together drift apart by up to this part of the interval. */
const JITTER = 0.1;
const SHORTEST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1_000;

/**
 * Keeps all leases of a manager: one scheduler and one timer for all of them. Each renewal ends in one of
 * - renewed: the deadline moves;
 * - lost: the store says «not yours»: the lease is lost at once;
 * - unknown: no answer: the lease is uncertain, tried again soon, and lost when its deadline passes.
 * A lease that is forgotten (released, lost) is never renewed again. Nothing here throws: it runs in timers.
 */
export class LeaseWatchdog {
  readonly #watched = new Map<Lease, Watched>();
  #timer: Timer | undefined;
  #wakesAtMs = Infinity;

  constructor(
    private readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly renew: (requests: readonly RenewRequest[]) => Promise<RenewOutcome[]>,
  ) {}

  /** @param grantedMs the lease that the store has given, which may be shorter than `lease.leaseMs` */
  watch(lease: Lease, grantedMs: number): void {
    const renewAtMs = lease.renews ? this.clock.monotonicMs() + this.#interval(grantedMs) : Infinity;
    this.#watched.set(lease, { lease, renewAtMs, underWay: false });
    this.#wakeBy(Math.min(renewAtMs, lease.deadlineMs));
  }

  forget(lease: Lease): void {
    this.#watched.delete(lease);
    if (this.#watched.size === 0) this.#sleep();
  }

  /** The lease is doubted: ask the store at the next opportunity instead of at the next interval. */
  hurry(lease: Lease): void {
    const watched = this.#watched.get(lease);
    if (watched === undefined || watched.underWay) return;
    watched.renewAtMs = this.clock.monotonicMs();
    this.#wakeBy(watched.renewAtMs);
  }

  /**
   * Renews one lease now, to last at least `leaseMs`, and tells how that ended. Serves `extend` and the confirmation of a grant.
   */
  async renewNow(lease: Lease, leaseMs: number): Promise<RenewOutcome> {
    const asOf = readClocks(this.clock);
    const [outcome] = await this.renew([{ hold: lease.hold, leaseMs }]);
    if (outcome === undefined) throw new Error('the store answered fewer renewals than it was asked for');
    this.#settle(lease, outcome, asOf);
    return outcome;
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakesAtMs) return;
    this.#timer?.cancel();
    this.#wakesAtMs = atMs;
    this.#timer = this.clock.setTimer(atMs - this.clock.monotonicMs(), () => this.#wake(), {
      background: true,
    });
  }

  #sleep(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#wakesAtMs = Infinity;
  }

  #wake(): void {
    this.#sleep();
    const nowMs = this.clock.monotonicMs();
    const due: Watched[] = [];
    for (const watched of this.#watched.values()) {
      const { lease } = watched;
      if (!lease.active) continue; // reading it just told everybody, if it was its deadline that passed
      if (watched.underWay) continue;
      if (watched.renewAtMs <= nowMs + (lease.deadlineMs - nowMs) * BATCH_WINDOW) due.push(watched);
    }
    if (due.length > 0) void this.#renewAll(due);
    this.#schedule();
  }

  #schedule(): void {
    let atMs = Infinity;
    for (const { lease, renewAtMs, underWay } of this.#watched.values()) {
      atMs = Math.min(atMs, lease.deadlineMs, underWay ? Infinity : renewAtMs);
    }
    this.#wakeBy(atMs);
  }

  async #renewAll(due: readonly Watched[]): Promise<void> {
    const asOf = readClocks(this.clock);
    for (const watched of due) watched.underWay = true;
    // A lease that is not to be renewed is only here because it is doubted: 1 ms asks without lengthening it.
    const outcomes = await this.renew(
      due.map(({ lease }) => ({ hold: lease.hold, leaseMs: lease.renews ? lease.leaseMs : 1 })),
    );
    for (const [index, watched] of due.entries()) {
      watched.underWay = false;
      this.#settle(watched.lease, outcomes[index] as RenewOutcome, asOf);
    }
  }

  #settle(lease: Lease, outcome: RenewOutcome, asOf: ClockReading): void {
    const watched = this.#watched.get(lease);
    if (watched === undefined) return; // released or lost meanwhile
    const nowMs = this.clock.monotonicMs();
    switch (outcome.outcome) {
      case 'renewed':
        lease.markConfirmed(outcome.deadlineMs, asOf);
        watched.renewAtMs = lease.renews ? nowMs + this.#interval(lease.deadlineMs - nowMs) : Infinity;
        break;
      case 'lost':
        lease.markLost('taken');
        break;
      case 'unknown':
        lease.markUncertain();
        watched.renewAtMs = nowMs + this.#retryDelay(lease.deadlineMs - nowMs);
        break;
    }
    this.#schedule();
  }

  #interval(leaseMs: number): number {
    return leaseMs * RENEW_AFTER * (1 - this.randomness.fraction() * JITTER);
  }

  #retryDelay(remainingMs: number): number {
    return Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, remainingMs / 10));
  }
}
