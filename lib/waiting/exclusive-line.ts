import { attempt, unattended } from '../runtime/attempt.js';
import type { LineRequest } from './line-request.js';
import { type ClockReading, readClocks } from '../runtime/clock.js';
import type { KeptHold } from '../holding/kept-hold.js';
import type { SingleLease } from '../holding/single-lease.js';
import { Line, RELEASED } from './line.js';
import type { Waiter } from './local-queue.js';
import type { Busy, Kept, OnSent, Refused, ReleaseOutcome, Yielded } from '../stores/lock-store.js';

/**
 * One hold at a time. When a lease ends and others wait here, the hold goes to the next one without a command, for one slice; then the
 * store is asked whether another process waits (cohort hand-off, DESIGN 6.7).
 */
export class ExclusiveLine extends Line {
  /** Between grant and end: used by a lease, or on its way from one to the next. */
  #kept: KeptHold | undefined;

  get lease(): SingleLease | undefined {
    return this.#kept?.lease;
  }

  protected get isHolding(): boolean {
    return this.#kept !== undefined;
  }

  protected heldForMs(nowMs: number): number | undefined {
    return this.#kept === undefined ? undefined : Math.max(0, this.#kept.deadlineMs - nowMs);
  }

  protected atOnce(): Busy | undefined {
    if (this.lease?.state !== 'held') return undefined;
    return { outcome: 'busy', retryAfterMs: this.heldForMs(this.context.clock.monotonicMs()) ?? 0 };
  }

  protected waitsForUs(head: Waiter): boolean {
    return this.#kept !== undefined && this.#mayHandOn(this.#kept, head);
  }

  protected began({ kept }: SingleLease): void {
    this.#kept = kept;
  }

  protected forget(kept: KeptHold): void {
    if (this.#kept === kept) this.#kept = undefined;
  }

  ended(kept: KeptHold, now: ClockReading, onSent?: OnSent): ReleaseOutcome | Promise<ReleaseOutcome> {
    return this.#passOn(kept, now, { onSent });
  }

  #passOn(
    kept: KeptHold,
    now: ClockReading,
    { onSent, hasTurned = false }: { onSent?: OnSent | undefined; hasTurned?: boolean },
  ): ReleaseOutcome | Promise<ReleaseOutcome> {
    const { leases, turns } = this.context;
    const { head } = this.queue;
    if (head === undefined || this.place !== undefined || !this.#mayHandOn(kept, head))
      return this.release(kept, onSent);
    const nowMs = now.monotonicMs;
    if (kept.isDoubtful(now)) return this.release(kept, onSent);
    if (kept.sliceIsOver(nowMs)) return this.#yieldOrKeep(kept, head, onSent);
    if (turns.mayGoOn(nowMs)) {
      const fencingToken = kept.nextFence(nowMs);
      if (fencingToken !== undefined) {
        this.queue.remove(head);
        head.resolve(leases.handOn(kept, head, { fencingToken, now }));
        return RELEASED;
      }
      if (hasTurned) return this.#yieldOrKeep(kept, head, onSent);
      // A microsecond may be all that is missing.
    }
    turns.goOnLater(() => this.#goOn(kept));
    return RELEASED;
  }

  /** Does the head wait for the hold that is here, or must it ask for one of its own? */
  #mayHandOn(kept: KeptHold, head: Waiter): boolean {
    return this.context.store.yieldOrKeep !== undefined && kept.suits(head.settings);
  }

  /** Nobody has the hold. */
  #goOn(kept: KeptHold): void {
    unattended(this.#passOn(kept, readClocks(this.context.clock), { hasTurned: true }));
  }

  #yieldOrKeep(kept: KeptHold, head: Waiter, onSent: OnSent | undefined): Promise<ReleaseOutcome> {
    const { store } = this.context;
    const place = this.ask(head.settings, 'yield', onSent);
    this.place = place;
    const answer = attempt(
      () => store.yieldOrKeep?.(kept.hold, place, place) ?? Promise.reject(new Error('no yieldOrKeep')),
    );
    return answer.then(
      (given) => this.#onYield(kept, place, given),
      (error: unknown) => {
        this.#endYield(kept, place);
        throw error;
      },
    );
  }

  #onYield(kept: KeptHold, place: LineRequest, answer: Kept | Yielded | Refused): ReleaseOutcome {
    switch (answer.outcome) {
      case 'kept':
        this.place = undefined;
        this.context.leases.unused(place.ownerToken);
        this.context.leases.confirmed(kept, answer.deadlineMs, place.asOf);
        this.#goOn(kept);
        return RELEASED;
      case 'yielded':
        this.drop(kept);
        this.awaitGrant(answer.granted, place);
        this.proceed();
        return RELEASED;
      case 'refused':
        this.#endYield(kept, place);
        return answer;
    }
  }

  #endYield(kept: KeptHold, place: LineRequest): void {
    this.place = undefined;
    this.context.leases.unused(place.ownerToken);
    this.drop(kept);
    this.proceed();
  }
}
