// over budget: one state machine; its halves (who waits, whose the hold is) would each need every field of the other
import { abandon, attempt } from '../runtime/attempt.js';
import { LineRequest, type RequestKind, type RequestOwner } from './line-request.js';
import { listenTo } from '../caller-signal.js';
import { type ClockReading, LATE_MS, readClocks } from '../runtime/clock.js';
import type { KeptHold } from '../holding/kept-hold.js';
import type { LeaseTaker } from '../holding/lease-keeper.js';
import type { SingleLease } from '../holding/single-lease.js';
import { isThenable } from '../runtime/thenable.js';
import { closedError, queueFullError } from '../lock-errors.js';
import type { LineContext } from './line-context.js';
import { LocalQueue, Waiter, type WaitersLine } from './local-queue.js';
import type { AcquireSettings } from '../acquire-options.js';
import type {
  Busy,
  Full,
  Grant,
  Kept,
  OnSent,
  Refused,
  ReleaseOutcome,
  WaitingNews,
  Yielded,
} from '../stores/lock-store.js';
import { refusalOf, tooSlow, WaitReport } from './wait-report.js';

/** How long one stays who has slept over the end of its wait. */
const LONGEST_STAY_MS = 200;
const RELEASED: ReleaseOutcome = { outcome: 'released' };

/**
 * All acquisitions of one name by this process: who is next here, its one place in the store's queue, and the hold while it is here.
 *
 * The place belongs to the line, not to the head: 500 waiters cost the store one entry and one poll, and when the head gives up the
 * next one takes the place over instead of going to the back of the queue between processes. When a lease ends and others wait
 * here, the hold goes to the next one without a command, for one slice; then the store is asked whether another process waits
 * (cohort hand-off, DESIGN 6.7).
 */
export class AcquireLine implements RequestOwner, WaitersLine {
  readonly #queue: LocalQueue;
  readonly #report = new WaitReport();
  /** Our place in the store: asked for, queued, or about to be if the hold is yielded. */
  #place: LineRequest | undefined;
  /** Between grant and end: used by a lease, or on its way from one to the next. */
  #kept: KeptHold | undefined;
  /** How many ask beside the line at this moment. */
  #trying = 0;
  #closed = false;

  constructor(
    readonly name: string,
    private readonly context: LineContext,
  ) {
    this.#queue = new LocalQueue(context.waits);
  }

  /** How many callers wait here. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** The lease that this process has on the name now. */
  get lease(): SingleLease | undefined {
    return this.#kept?.lease;
  }

  /**
   * Waits for its turn, at most `settings.waitMs` after `calledAtMs` (monotonic).
   *
   * @throws when the caller's signal is aborted or cannot be listened to; then nobody waits
   */
  wait(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease> {
    // The head whose first answer is still on its way is not known to wait.
    const asking = this.#place?.queued === false ? 1 : 0;
    if (this.#queue.size - asking >= settings.maxWaiters) {
      const who = `${settings.maxWaiters} callers of this process`;
      return Promise.reject(queueFullError(this.name, who, this.#retryAfterMs()));
    }
    const waiter = new Waiter(this, settings, calledAtMs);
    if (this.#queue.size > 0 || this.#kept !== undefined) this.#tell(waiter);
    try {
      return this.#queue.add(waiter);
    } finally {
      this.#proceed();
    }
  }

  /** Asks once, beside the line: the store gives nothing to one who does not wait while others do. */
  async tryOnce(settings: AcquireSettings, calledAtMs: number): Promise<SingleLease | Busy> {
    if (this.lease?.state === 'held') return { outcome: 'busy', retryAfterMs: this.#retryAfterMs() };
    const { signal } = settings;
    const request = this.#ask(settings, 'once');
    const leave = signal && (() => request.abort(signal.reason));
    this.#trying += 1;
    try {
      if (signal !== undefined && leave !== undefined) listenTo(signal, leave, this.name);
      const answer = await this.context.store.acquire(request, request);
      if (answer.outcome !== 'granted') return { outcome: 'busy', retryAfterMs: answer.retryAfterMs };
      if (this.#isUsable(answer) && !this.#closed)
        return this.#begin(answer, request, { settings, calledAtMs });
      this.#giveBack(answer);
      throw this.#closed ? closedError() : tooSlow(this.name);
    } finally {
      if (leave !== undefined) signal?.removeEventListener('abort', leave);
      this.#trying -= 1;
      this.context.leases.unused(request.ownerToken);
      this.#proceed();
    }
  }

  /** The waiter gives up. */
  leave(waiter: Waiter, reason: unknown): void {
    if (!this.#queue.remove(waiter)) return;
    waiter.reject(reason);
    this.#proceed();
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
    const isUnanswered = this.#kept === undefined && this.#report.isSilent;
    if (isUnanswered && nowMs < (waiter.staysUntilMs ?? 0)) this.#queue.stay(waiter, nowMs + LATE_MS);
    else this.leave(waiter, this.#tooLate(waiter, nowMs));
  }

  #tooLate({ settings }: Waiter, nowMs: number): Error {
    if (this.#kept !== undefined) this.#report.heard({ retryAfterMs: this.#retryAfterMs() }, nowMs);
    return this.#report.tooLate(this.name, settings, nowMs);
  }

  /** Everybody leaves with this reason (closing). */
  dismiss(reason: Error): void {
    this.#closed = true;
    this.#queue.failAll(() => reason);
    this.#proceed();
  }

  /** The hold was lost: whoever waits here asks the store. */
  lost(kept: KeptHold): void {
    this.#drop(kept);
    this.#proceed();
  }

  /**
   * The lease on this hold has ended in time: what becomes of the hold? A promise when the store has to be asked, with what it says
   * of the ended hold.
   */
  ended(kept: KeptHold, now: ClockReading, onSent?: OnSent): ReleaseOutcome | Promise<ReleaseOutcome> {
    return this.#passOn(kept, now, { onSent });
  }

  #passOn(
    kept: KeptHold,
    now: ClockReading,
    { onSent, hasTurned = false }: { onSent?: OnSent | undefined; hasTurned?: boolean },
  ): ReleaseOutcome | Promise<ReleaseOutcome> {
    const { leases, turns } = this.context;
    const { head } = this.#queue;
    if (head === undefined || this.#place !== undefined || !this.#mayHandOn(kept, head))
      return this.#release(kept, onSent);
    const nowMs = now.monotonicMs;
    if (kept.isDoubtful(now)) return this.#release(kept, onSent);
    if (kept.sliceIsOver(nowMs)) return this.#yieldOrKeep(kept, head, onSent);
    if (turns.mayGoOn(nowMs)) {
      const fencingToken = kept.nextFence(nowMs);
      if (fencingToken !== undefined) {
        this.#queue.remove(head);
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

  /** Nobody has the hold and nobody waits for an answer about it: what goes wrong now is the store's to repeat. */
  #goOn(kept: KeptHold): void {
    const outcome = this.#passOn(kept, readClocks(this.context.clock), { hasTurned: true });
    if (isThenable(outcome)) outcome.catch(() => undefined);
  }

  #release(kept: KeptHold, onSent: OnSent | undefined): Promise<ReleaseOutcome> {
    this.#drop(kept);
    // While closing nobody goes on before the answer: its process may be about to end.
    const told = this.#closed ? undefined : onSent;
    const outcome = attempt(() => this.context.store.release(kept.hold, told));
    this.#proceed();
    return outcome;
  }

  #yieldOrKeep(kept: KeptHold, head: Waiter, onSent: OnSent | undefined): Promise<ReleaseOutcome> {
    const { store } = this.context;
    const place = this.#ask(head.settings, 'yield', onSent);
    this.#place = place;
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
        this.#place = undefined;
        this.context.leases.unused(place.ownerToken);
        this.context.leases.confirmed(kept, answer.deadlineMs, place.asOf);
        this.#goOn(kept);
        return RELEASED;
      case 'yielded':
        this.#drop(kept);
        this.#await(answer.granted, place);
        this.#proceed();
        return RELEASED;
      case 'refused':
        this.#endYield(kept, place);
        return answer;
    }
  }

  #endYield(kept: KeptHold, place: LineRequest): void {
    this.#place = undefined;
    this.context.leases.unused(place.ownerToken);
    this.#drop(kept);
    this.#proceed();
  }

  /** Whatever changed: is there somebody to ask the store for, or nobody any more? */
  #proceed(): void {
    const { head } = this.#queue;
    this.#leavePlaceUnlessFor(head);
    if (head !== undefined) {
      if (this.#place !== undefined || (this.#kept !== undefined && this.#mayHandOn(this.#kept, head)))
        return;
      const place = this.#ask(head.settings, 'place');
      this.#place = place;
      const answer = attempt(() => this.context.store.acquire(place, place));
      this.#await(answer, place);
      return;
    }
    if (this.#place === undefined && this.#kept === undefined && this.#trying === 0) this.context.idle(this);
  }

  /** Nobody wants it, or who is first now asked for a shorter lease than the one who asked for it and left. */
  #leavePlaceUnlessFor(head: Waiter | undefined): void {
    const place = this.#place;
    // A yield is answered first: until then the store alone knows whose the hold is.
    if (place === undefined || (place.yields && this.#kept !== undefined)) return;
    if (head !== undefined && place.leaseMs <= head.settings.leaseMs) return;
    this.#place = undefined;
    place.abort(closedError());
  }

  #ask(settings: AcquireSettings, kind: RequestKind, onSent?: OnSent): LineRequest {
    const request = new LineRequest(this, settings, { kind, context: this.context, onSent });
    this.context.leases.asking(request.ownerToken);
    if (kind !== 'once') this.#report.asked(request.asOf.monotonicMs);
    return request;
  }

  #await(answer: Promise<Grant | Busy | Full>, place: LineRequest): void {
    answer.then(
      (given) => {
        if (given?.outcome === 'granted') this.#granted(given, place);
        else this.#refused(place, ({ settings }) => refusalOf(this.name, given, settings));
      },
      (error: unknown) => this.#refused(place, () => error),
    );
  }

  #granted(grant: Grant, place: LineRequest): void {
    if (this.#place === place) this.#place = undefined;
    // The head may have changed since we asked: the grant is the line's, so whoever is first now has it.
    const head = place.aborted ? undefined : this.#queue.head;
    if (head === undefined) this.#giveBack(grant);
    else if (this.#isUsable(grant)) {
      this.#queue.remove(head);
      head.resolve(this.#begin(grant, place, head));
    } else {
      // The reply was slower than the lease: it may be somebody else's by now. Never hand out a dead lease.
      this.#giveBack(grant);
      this.#report.heard({ error: tooSlow(this.name) }, this.context.clock.monotonicMs());
    }
    this.#proceed();
  }

  #refused(place: LineRequest, reason: (waiter: Waiter) => unknown): void {
    this.context.leases.unused(place.ownerToken);
    if (this.#place === place) this.#place = undefined;
    // The store could not be asked at all: that holds for everybody here, and asking again for each of them in turn would only
    // make the last one wait for all the others' failures. An abort is our own doing: members who came since go on.
    if (!place.aborted) this.#queue.failAll(reason);
    this.#proceed();
  }

  #begin(grant: Grant, request: LineRequest, taker: LeaseTaker): SingleLease {
    const lease = this.context.leases.begin(grant, taker, request);
    if (lease.active) this.#kept = lease.kept;
    return lease;
  }

  onWaiting(place: LineRequest, news: WaitingNews): void {
    if (this.#place !== place) return;
    const { head } = this.#queue;
    if (head !== undefined) this.#tell(head);
    this.#report.heard(news, this.context.clock.monotonicMs());
  }

  #tell(waiter: Waiter): void {
    if (waiter.told) return;
    waiter.told = true;
    this.context.waiting(this.name, waiter.settings.label);
  }

  #drop(kept: KeptHold): void {
    if (this.#kept === kept) this.#kept = undefined;
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
    return this.#kept === undefined
      ? this.#report.retryAfterMs(nowMs)
      : Math.max(0, this.#kept.deadlineMs - nowMs);
  }
}
