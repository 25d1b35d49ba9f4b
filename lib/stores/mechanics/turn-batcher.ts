import type { Clock } from '../../runtime/clock.js';
import type { Bounds } from './bounds.js';
import type { BatchRequest, Carrier } from './carrier.js';
import { CallFailure, Tries } from './tries.js';

/** A request on its way. Its time is counted from when it is first sent, not from when it was asked for. */
class Item<Request> extends Tries {
  /** Whoever asked goes on without its answer. */
  isLetGo = false;

  constructor(readonly request: Request) {
    super();
  }
}

/**
 * Sends what is asked for in one turn of the event loop in few commands: a process with 64 callers pays for 4 commands instead of 64, and
 * a single caller pays nothing for it. Every request is answered, sent again and given up on its own.
 *
 * When it goes: a caller who is alone at once; others at the end of the turn, together; and a full command as soon as it is full, so
 * that the server works on it while we make the next one, instead of both by turns.
 */
export class TurnBatcher<Kind extends string, Answer, Request extends BatchRequest<Kind, Answer>> {
  readonly #pending: Record<Kind, Item<Request>[]>;
  #flushing = false;
  /** The connection keeps what we make until {@link #write}. */
  #isCorked = false;
  /** Made, not written; whoever asked for it need not wait for the answer. */
  readonly #untold: Item<Request>[] = [];
  #underWay = 0;
  /** Those of them whose answer somebody waits for. */
  #awaited = 0;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly carrier: Carrier<Kind, Answer, Request>,
    private readonly clock: Clock,
    /** How long one request is tried in all, in ms. */
    private readonly commandMs: number,
  ) {
    this.#pending = Object.fromEntries(carrier.kinds.map((kind) => [kind, []])) as never;
  }

  send(request: Request): void {
    this.#underWay += 1;
    this.#awaited += 1;
    this.#add(new Item(request));
  }

  get bounds(): Bounds {
    return this.carrier.link.bounds;
  }

  /** Is any request on its way? */
  get isBusy(): boolean {
    return this.#underWay > 0;
  }

  /** Resolves when no request is on its way. */
  idle(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve) => (this.#onIdle = resolve));
  }

  #add(item: Item<Request>): void {
    const pending = this.#pending[item.request.kind];
    pending.push(item);
    if (pending.length >= this.carrier.most) {
      // A write of its own, although a write costs as much as ten requests: together, client and server would take turns again (measured
      // at 64 at once on two free cores: 23 000 pairs/s against 18 000; on a busy machine it is the other way round).
      this.#flush();
      return;
    }
    if (this.#flushing) return;
    this.#flushing = true;
    // Nobody else waits for an answer: whoever is alone waits for nobody, but for who asks in the same breath. Else at the end of the turn, after
    // the sockets that are due have been read: HTTP requests that arrive together come one by one, each with its own ticks and
    // promises, and would each pay for a command of its own.
    if (this.#awaited === 1) queueMicrotask(this.#endOfTurn);
    else this.clock.nextTurn(this.#endOfTurn);
  }

  readonly #endOfTurn = (): void => {
    this.#flushing = false;
    this.#flush();
  };

  /** What was made goes to the system, and whoever needs no answer goes on. */
  #write(): void {
    if (!this.#isCorked) return; // one that filled up meanwhile has taken all along
    this.#isCorked = false;
    this.carrier.uncork();
    for (const item of this.#untold.splice(0)) this.#tellSent(item);
  }

  #flush(): void {
    const latestMs = this.bounds.nowMs() + this.commandMs;
    if (!this.#isCorked) this.carrier.cork();
    this.#isCorked = true;
    for (const kind of this.carrier.kinds) {
      const items = this.#pending[kind];
      if (items.length === 0) continue;
      this.#pending[kind] = [];
      let fresh = 0;
      for (const item of items) {
        if (item.endsAtMs !== Infinity) continue;
        item.endsAtMs = latestMs;
        fresh += 1;
      }
      // Apart, because a command is given up when the first of its requests must be: what is sent for the first time is not to be sent
      // again for the sake of something older.
      if (fresh === items.length) this.#exchangeAll(kind, items);
      else {
        const isFresh = (item: Item<Request>) => item.endsAtMs === latestMs;
        this.#exchangeAll(kind, items.filter(isFresh));
        this.#exchangeAll(
          kind,
          items.filter((item) => !isFresh(item)),
        );
      }
    }
    this.#write();
  }

  #exchangeAll(kind: Kind, items: readonly Item<Request>[]): void {
    const { most } = this.carrier;
    if (items.length > 0 && items.length <= most) this.#exchange(kind, items);
    else
      for (let start = 0; start < items.length; start += most)
        this.#exchange(kind, items.slice(start, start + most));
  }

  #exchange(kind: Kind, items: readonly Item<Request>[]): void {
    if (this.carrier.link.isReady) this.#send(kind, items);
    else
      this.carrier.link.reachable(this.#leftMs(items)).then(
        () => this.#send(kind, items),
        (error: unknown) => this.#failedAll(items, error),
      );
  }

  #send(kind: Kind, given: readonly Item<Request>[]): void {
    const items = given.every((item) => item.request.wanted())
      ? given
      : given.filter((item) => item.request.wanted() || this.#drop(item));
    if (items.length === 0) return;
    const sentAtMs = this.clock.monotonicMs();
    const requests = items.map((item) => item.request);
    this.carrier.send(kind, { requests, boundMs: this.#leftMs(items) }, (error, answers) => {
      if (error !== undefined) this.#failedAll(items, error);
      else for (let at = 0; at < items.length; at++) this.#answer(items[at]!, answers[at]!, sentAtMs);
    });
    if (!this.carrier.keepsOrder(kind)) return;
    for (const item of items) {
      if (item.request.sent === undefined) continue;
      if (this.#isCorked) this.#untold.push(item);
      else this.#tellSent(item);
    }
  }

  #tellSent(item: Item<Request>): void {
    const { request } = item;
    if (!this.carrier.keepsOrder(request.kind)) return; // the connection broke when it was written: the answer tells
    if (!item.isLetGo) this.#awaited -= 1;
    item.isLetGo = true;
    request.sent?.();
  }

  #leftMs(items: readonly Item<Request>[]): number {
    let endsAtMs = Infinity;
    for (const item of items) if (item.endsAtMs < endsAtMs) endsAtMs = item.endsAtMs;
    return endsAtMs - this.bounds.nowMs();
  }

  #answer(item: Item<Request>, answer: Answer, sentAtMs: number): void {
    const refusal = this.carrier.refusalIn(answer);
    if (refusal !== undefined) {
      this.#failed(item, refusal);
      return;
    }
    this.#done(item);
    item.request.answered(answer, { sentAtMs, repeated: item.mayHaveRun });
  }

  /** Nobody wants it any more; it may have been executed if it was sent before. */
  #drop(item: Item<Request>): false {
    this.#done(item);
    item.request.failed(this.#failure(item, new Error('given up before it was sent')));
    return false;
  }

  #failedAll(items: readonly Item<Request>[], error: unknown): void {
    for (const item of items) this.#failed(item, error);
  }

  /** Sent again, if that may help and its time is not over. What failed together goes again together. */
  #failed(item: Item<Request>, error: unknown): void {
    const { request } = item;
    const isRefusal = this.carrier.link.isRefusal(error);
    const delayMs = item.failed(error, isRefusal);
    const mayHelp = !isRefusal || (this.carrier.link.isPassing(error) && request.isPatient !== true);
    if (mayHelp && request.wanted() && this.carrier.link.mayRepeat(item.endsAtMs, delayMs)) {
      this.bounds.start(delayMs, () => this.#add(item));
      return;
    }
    this.#done(item);
    request.failed(this.#failure(item, item.error));
  }

  #failure({ request, mayHaveRun }: Item<Request>, error: unknown): CallFailure {
    const doing = { verb: request.kind, lockName: request.hold.name };
    return new CallFailure(this.carrier.link.storeError(error, doing), mayHaveRun);
  }

  #done({ isLetGo }: Item<Request>): void {
    this.#underWay -= 1;
    if (!isLetGo) this.#awaited -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }
}
