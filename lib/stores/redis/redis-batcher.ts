import type { Clock } from '../../runtime/clock.js';
import type { Bounds } from './bounds.js';
import { isPassing, refusal } from './redis-errors.js';
import type { RedisHold } from './redis-hold.js';
import { CallFailure, type RedisLink, type ScriptReply } from './redis-link.js';
import { answerTo, type BatchScript, payloadOf, REFUSED, type WiredRequest } from './redis-wire.js';
import { Tries } from './tries.js';

/** The scripts that carry many requests; in the order in which those of one turn are sent: what becomes free first, then who wants it. */
const SCRIPTS = ['release', 'yield', 'acquire'] as const;

/** One request among those that travel together. */
export interface BatchRequest extends WiredRequest {
  readonly script: BatchScript;
  /** Whose name and keys it is about. */
  readonly hold: RedisHold;
  /** Refused for a state of the server that passes, it asks again by itself. Others are sent again, within their bound. */
  readonly isPatient?: boolean;
  /** Is it still wanted? Asked before it is sent, and before it is sent again. */
  wanted(): boolean;
  /** @param how when it was sent (monotonic), and whether an earlier try got no reply and may have been executed */
  answered(answer: ScriptReply, how: { sentAtMs: number; repeated: boolean }): void;
  failed(failure: CallFailure): void;
}

/** A request on its way. Its time is counted from when it is first sent, not from when it was asked for. */
class Item extends Tries {
  constructor(readonly request: BatchRequest) {
    super();
  }
}

/**
 * So many requests go in one command. More would keep the server from others for longer (about 5 µs each), and gain little: the cost
 * of a command that is spread over 16 is a small part of each.
 */
const BATCH = 16;

/**
 * Sends what is asked for in one turn of the event loop in few commands: a process with 64 callers pays for 4 commands instead of 64, and
 * a single caller pays nothing for it. Every request is answered, sent again and given up on its own.
 */
export class RedisBatcher {
  readonly #pending: Record<BatchScript, Item[]> = { release: [], yield: [], acquire: [] };
  #flushing = false;
  #underWay = 0;
  #onIdle: (() => void) | undefined;

  constructor(
    private readonly link: RedisLink,
    private readonly clock: Clock,
    private readonly given: {
      /** How long one request is tried in all, in ms. */
      readonly commandMs: number;
    },
  ) {}

  send(request: BatchRequest): void {
    this.#underWay += 1;
    this.#add(new Item(request));
  }

  get bounds(): Bounds {
    return this.link.bounds;
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

  #add(item: Item): void {
    this.#pending[item.request.script].push(item);
    if (this.#flushing) return;
    this.#flushing = true;
    // At the end of the turn, after the sockets that are due have been read: HTTP requests that arrive together come one by one, each
    // with its own ticks and promises, and would each pay for a command of its own.
    this.clock.nextTurn(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    const latestMs = this.bounds.nowMs() + this.given.commandMs;
    this.link.cork();
    for (const script of SCRIPTS) {
      const items = this.#pending[script];
      if (items.length === 0) continue;
      this.#pending[script] = [];
      for (const item of items) if (item.endsAtMs === Infinity) item.endsAtMs = latestMs;
      // Apart, because a batch is given up when the first of it must be: what is sent for the first time is not to be sent again
      // for the sake of something older.
      for (const isFresh of [true, false]) {
        this.#exchangeAll(
          script,
          items.filter((item) => (item.endsAtMs === latestMs) === isFresh),
        );
      }
    }
    this.link.uncork();
  }

  #exchangeAll(script: BatchScript, items: readonly Item[]): void {
    for (let start = 0; start < items.length; start += BATCH) {
      void this.#exchange(script, items.slice(start, start + BATCH));
    }
  }

  async #exchange(script: BatchScript, given: readonly Item[]): Promise<void> {
    let items = given;
    let sentAtMs = 0;
    let answers: ScriptReply;
    try {
      if (!this.link.isReady) await this.link.reachable(this.#leftMs(given));
      items = given.filter((item) => item.request.wanted() || this.#drop(item));
      if (items.length === 0) return;
      sentAtMs = this.clock.monotonicMs();
      answers = await this.link.exchange(
        script,
        payloadOf(items.map(({ request }) => request)),
        this.#leftMs(items),
      );
    } catch (error) {
      for (const item of items) this.#failed(item, error);
      return;
    }
    for (const [index, item] of items.entries())
      this.#answer(item, answerTo(item.request, answers, index), sentAtMs);
  }

  #leftMs(items: readonly Item[]): number {
    const endsAtMs = items.reduce((first, item) => Math.min(first, item.endsAtMs), Infinity);
    return endsAtMs - this.bounds.nowMs();
  }

  #answer(item: Item, answer: ScriptReply, sentAtMs: number): void {
    const { request, mayHaveRun } = item;
    if (answer[0] === REFUSED) {
      this.#failed(item, refusal(String(answer[1])));
      return;
    }
    this.#done();
    request.answered(answer, { sentAtMs, repeated: mayHaveRun });
  }

  /** Nobody wants it any more; it may have been executed if it was sent before. */
  #drop(item: Item): false {
    this.#done();
    item.request.failed(this.#failure(item, new Error('given up before it was sent')));
    return false;
  }

  /** Sent again, if that may help and its time is not over. What failed together goes again together. */
  #failed(item: Item, error: unknown): void {
    const { request } = item;
    const isRefusal = this.link.isRefusal(error);
    const delayMs = item.failed(error, isRefusal);
    const mayHelp = !isRefusal || (isPassing(error) && request.isPatient !== true);
    if (mayHelp && request.wanted() && this.link.mayRepeat(item.endsAtMs, delayMs)) {
      this.bounds.start(delayMs, () => this.#add(item));
      return;
    }
    this.#done();
    request.failed(this.#failure(item, item.error));
  }

  #failure({ request, mayHaveRun }: Item, error: unknown): CallFailure {
    return new CallFailure(
      this.link.storeError(error, { script: request.script, lockName: request.hold.name }),
      mayHaveRun,
    );
  }

  #done(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }
}
