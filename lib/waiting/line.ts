// over budget: one state machine; its halves would each need every field of the other
import { abandon, attempt } from '../runtime/attempt.js';
import { LineRequest, type RequestKind, type RequestOwner } from './line-request.js';
import { listenTo } from '../caller-signal.js';
import { type ClockReading, LATE_MS } from '../runtime/clock.js';
import type { KeptHold } from '../holding/kept-hold.js';
import type { LeaseTaker } from '../holding/lease-keeper.js';
import type { SingleLease } from '../holding/single-lease.js';
import { closedError, queueFullError } from '../lock-errors.js';
import type { LineContext } from './line-context.js';
import { LocalQueue, Waiter, type WaitersLine } from './local-queue.js';
import type { AcquireSettings } from '../acquire-options.js';
import type { Busy, Full, Grant, OnSent, ReleaseOutcome, WaitingNews } from '../stores/lock-store.js';
import { refusalOf, tooSlow, WaitReport } from './wait-report.js';

/** How long one stays who has slept over the end of its wait. */
const LONGEST_STAY_MS = 200;
export const RELEASED: ReleaseOutcome = { outcome: 'released' };

/**
 * Those of this process who want one name in one way: who is next here, and their one place in the store's queue. What becomes of the
 * holds differs with the kind of lock: one at a time that goes from hand to hand ({@link ExclusiveLine}), one for all readers
 * ({@link SharedLine}), one for each permit ({@link PermitLine}).
 *
 * The place belongs to the line, not to the head: 500 waiters cost the store one entry and one poll, and when the head gives up the
 * next one takes the place over instead of going to the back of the queue between processes.
 */
export abstract class Line implements RequestOwner, WaitersLine {
  protected readonly queue: LocalQueue;
  protected readonly report = new WaitReport();
  /** Our place in the store: asked for, queued, or about to be if the hold is yielded. */
  protected place: LineRequest | undefined;
  protected closed = false;
  /** How many ask beside the line at this moment. */
  #trying = 0;

  constructor(
    readonly name: string,
    protected readonly context: LineContext,
    /** Under which the lines of a manager know it. */
    readonly key: string,
  ) {
    this.queue = new LocalQueue(context.waits);
  }

  /** How many callers wait here. */
  get waiting(): number {
    return this.queue.size;
  }

  /** A lease that this process has by this line now. */
  abstract get lease(): SingleLease | undefined;

  /** Is any hold of this line here? */
  protected abstract get isHolding(): boolean;

  /** What one who does not wait gets without the store; undefined: the store is asked. */
  protected abstract atOnce(): Busy | undefined;

  /** A lease for one who is next, on a hold that is here already; undefined: there is none for it. */
  protected share(_taker: LeaseTaker): SingleLease | undefined {
    return undefined;
  }

  /** Does the head wait for a hold that is here, and not for the store? */
  protected abstract waitsForUs(head: Waiter): boolean;

  /** A new hold, with its first lease, which has not ended. */
  protected abstract began(lease: SingleLease): void;

  /** The last lease on a hold of ours has ended in time: what becomes of the hold? A promise when the store has to be asked. */
  abstract ended(
    kept: KeptHold,
    now: ClockReading,
    onSent?: OnSent,
  ): ReleaseOutcome | Promise<ReleaseOutcome>;

  /** This hold is ours no more. */
  protected abstract forget(kept: KeptHold): void;

  /** How long the hold still runs for which one would wait, in ms; undefined: none of ours. */
  protected abstract heldForMs(nowMs: number): number | undefined;

  /**
   * Waits for its turn, at most `settings.waitMs` after `calledAtMs` (monotonic).
   *
   * @throws when the caller's signal is aborted or cannot be listened to; then nobody waits
   */
  wait(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease> {
    // The head whose first answer is still on its way is not known to wait.
    const asking = this.place?.queued === false ? 1 : 0;
    if (this.queue.size - asking >= settings.maxWaiters) {
      const who = `${settings.maxWaiters} callers of this process`;
      return Promise.reject(queueFullError(this.name, who, this.#retryAfterMs()));
    }
    const waiter = new Waiter(this, settings, calledAtMs);
    const shared = this.queue.size === 0 ? this.share(waiter) : undefined;
    if (shared !== undefined) return Promise.resolve(shared);
    if (this.queue.size > 0 || this.isHolding) this.#tell(waiter);
    try {
      return this.queue.add(waiter);
    } finally {
      this.proceed();
    }
  }

  /** Asks once, beside the line: the store gives nothing to one who does not wait while others do. */
  async tryOnce(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease | Busy> {
    const shared = this.queue.size === 0 ? this.share({ settings, calledAtMs }) : undefined;
    const here = shared ?? this.atOnce();
    if (here !== undefined) return here;
    const { signal } = settings;
    const request = this.ask(settings, 'once');
    const leave = signal && (() => request.abort(signal.reason));
    this.#trying += 1;
    try {
      if (signal !== undefined && leave !== undefined) listenTo(signal, leave, this.name);
      const answer = await this.context.store.acquire(request, request);
      if (answer.outcome !== 'granted') return { outcome: 'busy', retryAfterMs: answer.retryAfterMs };
      if (this.#isUsable(answer) && !this.closed)
        return this.#begin(answer, request, { settings, calledAtMs });
      this.#giveBack(answer);
      throw this.closed ? closedError() : tooSlow(this.name);
    } finally {
      if (leave !== undefined) signal?.removeEventListener('abort', leave);
      this.#trying -= 1;
      this.context.leases.unused(request.ownerToken);
      this.proceed();
    }
  }

  /** The waiter gives up. */
  leave(waiter: Waiter, reason: unknown): void {
    if (!this.queue.remove(waiter)) return;
    waiter.reject(reason);
    this.proceed();
  }

  /**
   * A waiter's time is over. If we slept over it (a blocked event loop, a stopped process) before the store said anything, the store has
   * a moment to answer: else we would say that it is silent, or that the lock is held, without having asked.
   */
  overdue(waiter: Waiter): void {
    const { waitMs } = waiter.settings;
    const nowMs = this.context.clock.monotonicMs();
    const lateMs = nowMs - waiter.calledAtMs - waitMs;
    if (waiter.staysUntilMs === undefined && lateMs > LATE_MS)
      waiter.staysUntilMs = nowMs + Math.min(lateMs, waitMs, LONGEST_STAY_MS);
    const isUnanswered = !this.isHolding && this.report.isSilent;
    if (isUnanswered && nowMs < (waiter.staysUntilMs ?? 0)) this.queue.stay(waiter, nowMs + LATE_MS);
    else this.leave(waiter, this.#tooLate(waiter, nowMs));
  }

  #tooLate({ settings }: Waiter, nowMs: number): Error {
    const heldForMs = this.heldForMs(nowMs);
    if (heldForMs !== undefined) this.report.heard({ retryAfterMs: heldForMs }, nowMs);
    return this.report.tooLate(this.name, settings, nowMs);
  }

  /** Everybody leaves with this reason (closing). */
  dismiss(reason: Error): void {
    this.closed = true;
    this.queue.failAll(() => reason);
    this.proceed();
  }

  /** The hold was lost: whoever waits here asks the store. */
  lost(kept: KeptHold): void {
    this.drop(kept);
    this.proceed();
  }

  notHandedOn(): void {
    this.proceed();
  }

  protected release(kept: KeptHold, onSent: OnSent | undefined): Promise<ReleaseOutcome> {
    this.drop(kept);
    // While closing nobody goes on before the answer: its process may be about to end.
    const told = this.closed ? undefined : onSent;
    const outcome = attempt(() => this.context.store.release(kept.hold, told));
    this.proceed();
    return outcome;
  }

  /** Whatever changed: is there somebody to ask the store for, or nobody any more? */
  protected proceed(): void {
    this.#serveHere();
    const { head } = this.queue;
    this.#leavePlaceUnlessFor(head);
    if (head !== undefined) {
      if (this.place !== undefined || this.waitsForUs(head)) return;
      const place = this.ask(head.settings, 'place');
      this.place = place;
      const answer = attempt(() => this.context.store.acquire(place, place));
      this.awaitGrant(answer, place);
      return;
    }
    if (this.place === undefined && !this.isHolding && this.#trying === 0) this.context.idle(this);
  }

  #serveHere(): void {
    for (let head = this.queue.head; head !== undefined; head = this.queue.head) {
      const lease = this.share(head);
      if (lease === undefined) return;
      this.queue.remove(head);
      head.resolve(lease);
    }
  }

  /** Nobody wants it, or who is first now asked for a shorter lease than the one who asked for it and left. */
  #leavePlaceUnlessFor(head: Waiter | undefined): void {
    const { place } = this;
    // A yield is answered first: until then the store alone knows whose the hold is.
    if (place === undefined || (place.yields && this.isHolding)) return;
    if (head !== undefined && place.serves(head.settings)) return;
    this.place = undefined;
    place.abort(closedError());
  }

  protected ask(settings: AcquireSettings, kind: RequestKind, onSent?: OnSent): LineRequest {
    const request = new LineRequest(this, settings, { kind, context: this.context, onSent });
    this.context.leases.asking(request.ownerToken);
    if (kind !== 'once') this.report.asked(request.asOf.monotonicMs);
    return request;
  }

  protected awaitGrant(answer: Promise<Grant | Busy | Full>, place: LineRequest): void {
    answer.then(
      (given) => {
        if (given?.outcome === 'granted') this.#granted(given, place);
        else this.#refused(place, ({ settings }) => refusalOf(this.name, given, settings));
      },
      (error: unknown) => this.#refused(place, () => error),
    );
  }

  #granted(grant: Grant, place: LineRequest): void {
    if (this.place === place) this.place = undefined;
    // The head may have changed since we asked: the grant is the line's, so whoever is first now has it.
    const head = place.aborted ? undefined : this.queue.head;
    if (head === undefined) this.#giveBack(grant);
    else if (this.#isUsable(grant)) {
      this.queue.remove(head);
      head.resolve(this.#begin(grant, place, head));
    } else {
      // The reply was slower than the lease: it may be somebody else's by now. Never hand out a dead lease.
      this.#giveBack(grant);
      this.report.heard({ error: tooSlow(this.name) }, this.context.clock.monotonicMs());
    }
    this.proceed();
  }

  #refused(place: LineRequest, reason: (waiter: Waiter) => unknown): void {
    this.context.leases.unused(place.ownerToken);
    if (this.place === place) this.place = undefined;
    // The store could not be asked at all: that holds for everybody here, and asking again for each of them in turn would only
    // make the last one wait for all the others' failures. An abort is our own doing: members who came since go on.
    if (!place.aborted) this.queue.failAll(reason);
    this.proceed();
  }

  #begin(grant: Grant, request: LineRequest, taker: LeaseTaker): SingleLease {
    const lease = this.context.leases.begin(grant, taker, request);
    if (lease.active) this.began(lease);
    return lease;
  }

  onWaiting(place: LineRequest, news: WaitingNews): void {
    if (this.place !== place) return;
    const { head } = this.queue;
    if (head !== undefined) this.#tell(head);
    this.report.heard(news, this.context.clock.monotonicMs());
  }

  #tell(waiter: Waiter): void {
    if (waiter.told) return;
    waiter.told = true;
    this.context.waiting(this.name, waiter.settings);
  }

  protected drop(kept: KeptHold): void {
    this.forget(kept);
    this.context.leases.forget(kept);
  }

  #giveBack({ hold }: Grant): void {
    this.context.leases.unused(hold.ownerToken);
    abandon(this.context.store, hold);
  }

  #isUsable({ deadlineMs }: Grant): boolean {
    return deadlineMs > this.context.clock.monotonicMs();
  }

  /** How long the hold that is here, or that the store told of, still runs. */
  #retryAfterMs(): number {
    const nowMs = this.context.clock.monotonicMs();
    return this.heldForMs(nowMs) ?? this.report.retryAfterMs(nowMs);
  }
}
