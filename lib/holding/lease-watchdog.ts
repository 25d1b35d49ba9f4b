import { AlarmClock } from '../runtime/alarm-clock.js';
import { type Clock, type ClockReading, readClocks } from '../runtime/clock.js';
import type { KeptHold } from './kept-hold.js';
import type { Randomness } from '../runtime/owner-token.js';
import type { RenewOutcome, RenewRequest } from '../stores/lock-store.js';

/** A lease is renewed when a third of it has passed: two more tries fit in before its deadline. */
const RENEW_AFTER = 1 / 3;
/** Leases that come due within this part of the interval may go along in a batch: few commands for many leases. */
const BATCH_WINDOW = 0.1;
/** As many as a store renews with one command; see RENEW_BATCH in redis-renewals.ts. */
const BATCH = 100;
/** Renewals of leases that began together drift apart by up to this part of the interval, and so spread over time. */
const JITTER = 0.1;
const SHORTEST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1_000;

/**
 * Keeps all holds of a manager: one scheduler and one timer for all of them. Each renewal ends in one of
 * - renewed: the deadline moves;
 * - lost: the store says «not yours»: the lease is lost at once;
 * - unknown: no answer: the lease is uncertain, tried again soon, and lost when its deadline passes.
 * A hold that is forgotten (released, lost) is never renewed again. Nothing here throws: it runs in timers.
 */
export class LeaseWatchdog {
  /** Each hold's next event: its renewal, or its deadline. */
  readonly #alarms: AlarmClock<KeptHold>;

  constructor(
    readonly clock: Clock,
    private readonly randomness: Randomness,
    private readonly renew: (requests: readonly RenewRequest[]) => Promise<RenewOutcome[]>,
  ) {
    this.#alarms = new AlarmClock(clock, (due) => this.#onDue(due), { background: true });
  }

  /** @param grantedMs the lease that the store has given, which may be shorter than `kept.leaseMs` */
  watch(kept: KeptHold, nowMs: number, grantedMs: number): void {
    kept.watched = true;
    kept.renewAtMs = kept.renews ? nowMs + this.#interval(grantedMs) : Infinity;
    this.#schedule(kept);
  }

  forget(kept: KeptHold): void {
    kept.watched = false;
    this.#alarms.clear(kept);
  }

  /** The lease is doubted: ask the store at the next opportunity instead of at the next interval. */
  hurry(kept: KeptHold): void {
    if (!kept.watched || kept.renewing) return;
    kept.renewAtMs = this.clock.monotonicMs();
    this.#schedule(kept);
  }

  /**
   * Renews these now, to last at least `leaseMs`, and tells how that ended, in their order. Serves `extend` and the confirmation of a
   * grant.
   */
  async renewNow(holds: readonly KeptHold[], leaseMs: number): Promise<RenewOutcome[]> {
    const asOf = readClocks(this.clock);
    const outcomes = await this.renew(holds.map(({ hold }) => ({ hold, leaseMs })));
    for (const [index, kept] of holds.entries()) this.#settle(kept, outcomes[index] as RenewOutcome, asOf);
    return outcomes;
  }

  #schedule(kept: KeptHold): void {
    this.#alarms.set(kept, kept.renewing ? kept.deadlineMs : Math.min(kept.renewAtMs, kept.deadlineMs));
  }

  #onDue(due: readonly KeptHold[]): void {
    const nowMs = this.clock.monotonicMs();
    // Reading the state tells everybody if it was the deadline that passed, or if the clocks give reason to doubt.
    const alive = due.filter((kept) => kept.lease?.active ?? true).filter((kept) => kept.watched);
    const renewing = alive.filter((kept) => !kept.renewing && kept.renewAtMs <= nowMs);
    if (renewing.length > 0) this.#renewBatches(renewing, nowMs);
    for (const kept of alive)
      if (kept.deadlineMs > nowMs && kept.alarmAtMs === Infinity) this.#schedule(kept);
  }

  /** Fills the last batch with those that come due soon: 160 at once are 200 in two commands, and 40 fewer a moment later. */
  #renewBatches(due: readonly KeptHold[], nowMs: number): void {
    const shortestMs = due.reduce((least, { leaseMs }) => Math.min(least, leaseMs), Infinity);
    const untilMs = nowMs + shortestMs * RENEW_AFTER * BATCH_WINDOW;
    const room = BATCH - (due.length % BATCH || BATCH);
    const soon = room === 0 ? [] : this.#alarms.upcoming(untilMs, room);
    const along = soon.filter((kept) => !kept.renewing && kept.renewAtMs <= untilMs);
    void this.#renewAll([...due, ...along]);
  }

  async #renewAll(holds: readonly KeptHold[]): Promise<void> {
    const asOf = readClocks(this.clock);
    for (const kept of holds) {
      kept.renewing = true;
      this.#schedule(kept);
    }
    // One that is not to be renewed is only here because it is doubted: 1 ms asks without lengthening it.
    const outcomes = await this.renew(
      holds.map((kept) => ({ hold: kept.hold, leaseMs: kept.renews ? kept.leaseMs : 1 })),
    );
    for (const [index, kept] of holds.entries()) {
      kept.renewing = false;
      this.#settle(kept, outcomes[index] as RenewOutcome, asOf);
    }
  }

  #settle(kept: KeptHold, outcome: RenewOutcome, asOf: ClockReading): void {
    if (!kept.watched) return; // released or lost meanwhile
    const nowMs = this.clock.monotonicMs();
    const { lease } = kept;
    switch (outcome.outcome) {
      case 'renewed':
        if (lease === undefined) kept.confirm(outcome.deadlineMs, asOf);
        else lease.markConfirmed(outcome.deadlineMs, asOf);
        kept.renewAtMs = kept.renews ? nowMs + this.#interval(kept.deadlineMs - nowMs) : Infinity;
        break;
      case 'lost':
        if (lease !== undefined) lease.markLost('taken');
        else kept.lost = true; // its line looks at it next
        kept.renewAtMs = Infinity;
        break;
      case 'unknown':
        if (lease === undefined) kept.doubted = true;
        else lease.markUncertain();
        kept.renewAtMs = nowMs + this.#retryDelay(kept.deadlineMs - nowMs);
        break;
    }
    if (kept.watched) this.#schedule(kept);
  }

  #interval(leaseMs: number): number {
    return leaseMs * RENEW_AFTER * (1 - this.randomness.fraction() * JITTER);
  }

  #retryDelay(remainingMs: number): number {
    return Math.min(LONGEST_RETRY_MS, Math.max(SHORTEST_RETRY_MS, remainingMs / 10));
  }
}
