import { type ClockReading, readClocks } from './clock.js';
import type { KeptHold } from './kept-hold.js';
import type { Lease } from './lease.js';
import { closedError, queueFullError } from './lock-errors.js';
import type { LineSurroundings } from './line-surroundings.js';
import { LocalQueue, Waiter, type WaiterHome } from './local-queue.js';
import type { AcquireSettings } from './lock-options.js';
import { Stop } from './stop-signal.js';
import type {
  AcquireRequest,
  Busy,
  Full,
  Grant,
  Kept,
  Refused,
  ReleaseOutcome,
  WaitingNews,
  Yielded,
} from './stores/lock-store.js';
import { refusalOf, tooSlow, WaitReport } from './wait-report.js';

/** A grant, and how the clocks stood when we asked for it. */
export interface Acquired extends Grant {
  readonly asOf: ClockReading;
}

/** Our place in the store: asked for, queued, or about to be when the hold is yielded. */
class Place extends Stop {
  /** The store says that somebody else has the lock. */
  queued = false;

  constructor(readonly yielding: boolean) {
    super();
  }
}

const RELEASED: ReleaseOutcome = { outcome: 'released' };

/**
 * All acquisitions of one name by this process: who is next here, its one place in the store's queue, and the hold while it is here.
 *
 * The place belongs to the line, not to the head: 500 waiters cost the store one entry and one poll, and when the head gives up the
 * next one takes the place over instead of going to the back of the queue between processes. When a lease ends and others wait
 * here, the hold goes to the next one without a command, for one slice; then the store is asked whether another process waits
 * (cohort hand-off, DESIGN 6.7).
 */
export class AcquireLine implements WaiterHome {
  readonly #queue: LocalQueue;
  readonly #report = new WaitReport();
  #place: Place | undefined;
  /** How many ask beside the line at this moment. */
  #trying = 0;
  #closed = false;
  /** Between grant and end, used by a lease or on its way from one to the next. */
  #kept: KeptHold | undefined;

  constructor(
    readonly name: string,
    private readonly around: LineSurroundings,
  ) {
    this.#queue = new LocalQueue(around.waits);
  }

  /** How many callers wait here. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** The lease that this process has on the name now. */
  get lease(): Lease | undefined {
    return this.#kept?.lease;
  }

  /** Waits for its turn, at most `settings.waitMs` after `calledAtMs`. */
  wait(settings: AcquireSettings, calledAtMs: number): Promise<Lease> {
    // The head whose first answer is still on its way is not known to wait.
    const asking = this.#place?.queued === false ? 1 : 0;
    if (this.#queue.size - asking >= settings.maxWaiters) {
      return Promise.reject(
        queueFullError(this.name, `${settings.maxWaiters} callers of this process`, this.#retryAfterMs()),
      );
    }
    const waiter = new Waiter(this, settings, calledAtMs);
    if (this.#queue.size > 0 || this.#kept !== undefined) this.#tell(waiter);
    const lease = this.#queue.add(waiter);
    this.#proceed();
    return lease;
  }

  /** Asks once, beside the line: the store gives nothing to one who does not wait while others do. */
  async tryOnce(settings: AcquireSettings, calledAtMs: number): Promise<Lease | Busy> {
    if (this.lease?.state === 'held') return { outcome: 'busy', retryAfterMs: this.#retryAfterMs() };
    this.#trying += 1;
    try {
      const answer = await this.#ask(settings);
      if (answer.outcome !== 'granted') return { outcome: 'busy', retryAfterMs: answer.retryAfterMs };
      if (this.#isUsable(answer) && !this.#closed) return this.#begin(answer, settings, calledAtMs);
      this.#giveBack(answer);
      throw this.#closed ? closedError() : tooSlow(this.name);
    } finally {
      this.#trying -= 1;
      this.#proceed();
    }
  }

  /** The waiter gives up. */
  leave(waiter: Waiter, reason: unknown): void {
    if (!this.#queue.remove(waiter)) return;
    waiter.reject(reason);
    this.#proceed();
  }

  tooLate({ settings }: Waiter): Error {
    const nowMs = this.around.clock.monotonicMs();
    if (this.#kept !== undefined) this.#report.heard({ retryAfterMs: this.#retryAfterMs() }, nowMs);
    return this.#report.tooLate(this.name, settings, nowMs);
  }

  /** Everybody leaves with this reason (closing). */
  dismiss(reason: Error): void {
    this.#closed = true;
    this.#queue.failAll(() => reason);
    this.#proceed();
  }

  /** The lease on this hold was lost: whoever waits here asks the store. */
  lost(kept: KeptHold): void {
    this.#drop(kept);
    this.#proceed();
  }

  /**
   * The lease on this hold has ended in time: what becomes of the hold? A promise when the store has to be asked, with what it says
   * of the ended hold.
   */
  ended(kept: KeptHold): ReleaseOutcome | Promise<ReleaseOutcome> {
    const { clock, leases, store, turns } = this.around;
    const head = this.#queue.head;
    if (head === undefined || this.#place !== undefined || !kept.suits(head.settings))
      return this.#release(kept);
    const now = readClocks(clock);
    const nowMs = now.monotonicMs;
    if (kept.isDoubtful(now) || store.yieldOrKeep === undefined) return this.#release(kept);
    if (kept.sliceIsOver(nowMs)) return this.#yieldOrKeep(kept, head);
    if (!turns.mayGoOn(nowMs)) {
      turns.goOnLater(() => this.#goOn(kept));
      return RELEASED;
    }
    const fencingToken = kept.nextFence(nowMs);
    if (fencingToken === undefined) return this.#yieldOrKeep(kept, head);
    this.#queue.remove(head);
    head.resolve(leases.handOn(kept, head, { fencingToken, nowMs }));
    return RELEASED;
  }

  /** Nobody has the hold and nobody waits for an answer about it: what goes wrong now is the store's to repeat. */
  #goOn(kept: KeptHold): void {
    const outcome = this.ended(kept);
    if ('catch' in outcome) outcome.catch(() => undefined);
  }

  #release(kept: KeptHold): Promise<ReleaseOutcome> {
    this.#drop(kept);
    const outcome = this.around.store.release(kept.hold);
    this.#proceed();
    return outcome;
  }

  #yieldOrKeep(kept: KeptHold, head: Waiter): Promise<ReleaseOutcome> {
    const place = new Place(true);
    this.#place = place;
    const { request, asOf } = this.#request(head.settings, place);
    const answer = this.around.store.yieldOrKeep?.(kept.hold, request, place);
    if (answer === undefined) return this.#release(kept);
    return answer.then(
      (given) => this.#onYield(given, { kept, place, request, asOf }),
      (error: unknown) => {
        this.#endYield(kept, request);
        throw error;
      },
    );
  }

  #onYield(answer: Kept | Yielded | Refused, asked: YieldAsked): ReleaseOutcome {
    const { kept, place, request, asOf } = asked;
    switch (answer.outcome) {
      case 'kept':
        this.#place = undefined;
        this.around.leases.unused(request.ownerToken);
        this.around.leases.confirmed(kept, answer.deadlineMs, asOf);
        this.#goOn(kept);
        return RELEASED;
      case 'yielded':
        this.#drop(kept);
        this.#await(answer.granted, { place, request, asOf });
        this.#proceed();
        return RELEASED;
      case 'refused':
        this.#endYield(kept, request);
        return answer;
    }
  }

  #endYield(kept: KeptHold, request: AcquireRequest): void {
    this.#place = undefined;
    this.around.leases.unused(request.ownerToken);
    this.#drop(kept);
    this.#proceed();
  }

  /** Whatever changed: is there somebody to ask the store for, or nobody any more? */
  #proceed(): void {
    const { head } = this.#queue;
    if (head === undefined) {
      // A yield is answered first: until then the store alone knows whose the hold is.
      if (this.#place !== undefined && !this.#isYielding()) this.#leaveStore(this.#place);
      if (this.#place === undefined && this.#kept === undefined && this.#trying === 0) this.around.idle(this);
    } else if (this.#place === undefined && this.#kept?.suits(head.settings) !== true) {
      const place = new Place(false);
      this.#place = place;
      const asked = this.#request(head.settings, place);
      this.#await(this.around.store.acquire(asked.request, place), { ...asked, place });
    }
  }

  #isYielding(): boolean {
    return this.#place?.yielding === true && this.#kept !== undefined;
  }

  #leaveStore(place: Place): void {
    this.#place = undefined;
    place.abort(closedError());
  }

  #await(answer: Promise<Grant | Busy | Full>, asked: PlaceAsked): void {
    const { place, request, asOf } = asked;
    answer.then(
      (given) => {
        if (given.outcome === 'granted') this.#granted({ ...given, asOf }, place);
        else this.#refused(place, request, ({ settings }) => refusalOf(this.name, given, settings));
      },
      (error: unknown) => this.#refused(place, request, () => error),
    );
  }

  #granted(acquired: Acquired, place: Place): void {
    if (this.#place === place) this.#place = undefined;
    // The head may have changed since we asked: the grant is the line's, so whoever is first now has it.
    const head = place.aborted ? undefined : this.#queue.head;
    if (head === undefined) this.#giveBack(acquired);
    else if (this.#isUsable(acquired)) {
      this.#queue.remove(head);
      head.resolve(this.#begin(acquired, head.settings, head.calledAtMs));
    } else {
      // The reply was slower than the lease: it may be somebody else's by now. Never hand out a dead lease.
      this.#giveBack(acquired);
      this.#report.heard({ error: tooSlow(this.name) }, this.around.clock.monotonicMs());
    }
    this.#proceed();
  }

  #refused(place: Place, request: AcquireRequest, reason: (waiter: Waiter) => unknown): void {
    this.around.leases.unused(request.ownerToken);
    if (this.#place === place) this.#place = undefined;
    // The store could not be asked at all: that holds for everybody here, and asking again for each of them in turn would only
    // make the last one wait for all the others' failures. An abort is our own doing: members who came since go on.
    if (!place.aborted) this.#queue.failAll(reason);
    this.#proceed();
  }

  #begin(acquired: Acquired, settings: AcquireSettings, calledAtMs: number): Lease {
    const lease = this.around.leases.begin(acquired, { line: this, settings, calledAtMs });
    if (lease.active) this.#kept = lease.kept;
    return lease;
  }

  async #ask(settings: AcquireSettings): Promise<Acquired | Busy | Full> {
    const { request, asOf } = this.#request(settings);
    try {
      const answer = await this.around.store.acquire(request, settings.signal ?? new Stop());
      if (answer.outcome === 'granted') return { ...answer, asOf };
      this.around.leases.unused(request.ownerToken);
      return answer;
    } catch (error) {
      this.around.leases.unused(request.ownerToken);
      throw error;
    }
  }

  /** @param place given by one who waits; without it the store answers at once */
  #request(settings: AcquireSettings, place?: Place): { request: AcquireRequest; asOf: ClockReading } {
    const { leaseMs, mode, label, maxWaitingProcesses } = settings;
    const ownerToken = this.around.randomness.ownerToken();
    const asOf = readClocks(this.around.clock);
    const base = { name: this.name, ownerToken, leaseMs, mode, label, maxWaitingProcesses };
    this.around.leases.asking(ownerToken);
    if (place === undefined) return { request: { ...base, wait: false }, asOf };
    this.#report.asked(asOf.monotonicMs);
    const onWaiting = (news: WaitingNews) => this.#onWaiting(place, news);
    return { request: { ...base, wait: true, onWaiting }, asOf };
  }

  #onWaiting(place: Place, news: WaitingNews): void {
    if (news.error === undefined) place.queued = true;
    const { head } = this.#queue;
    if (head !== undefined) this.#tell(head);
    this.#report.heard(news, this.around.clock.monotonicMs());
  }

  #tell(waiter: Waiter): void {
    if (waiter.told) return;
    waiter.told = true;
    this.around.waiting(this.name, waiter.settings.label);
  }

  #drop(kept: KeptHold): void {
    if (this.#kept === kept) this.#kept = undefined;
    this.around.leases.forget(kept);
  }

  #giveBack(acquired: Acquired): void {
    this.around.leases.unused(acquired.hold.ownerToken);
    this.around.store.release(acquired.hold).catch(() => undefined);
  }

  #isUsable({ deadlineMs }: Acquired): boolean {
    return deadlineMs > this.around.clock.monotonicMs();
  }

  /** How long the hold that is here, or that the store told of, still runs. */
  #retryAfterMs(): number {
    const nowMs = this.around.clock.monotonicMs();
    return this.#kept === undefined
      ? this.#report.retryAfterMs(nowMs)
      : Math.max(0, this.#kept.deadlineMs - nowMs);
  }
}

interface PlaceAsked {
  readonly place: Place;
  readonly request: AcquireRequest;
  readonly asOf: ClockReading;
}

interface YieldAsked extends PlaceAsked {
  readonly kept: KeptHold;
}
