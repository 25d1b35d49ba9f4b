import { type Clock, pause } from '../../clock.js';
import { isReply } from './redis-errors.js';
import type { RedisHold } from './redis-hold.js';
import { CallFailure, type RedisLink, type ScriptReply } from './redis-link.js';

/** The scripts that carry many requests; in the order in which those of one turn are sent: what becomes free first, then who wants it. */
const SCRIPTS = ['release', 'yield', 'acquire'] as const;
export type BatchScript = (typeof SCRIPTS)[number];

/** The answer of a script to a request that the server refused. */
const REFUSED = -8;

/**
 * What a script answers to one request: a code, and what belongs to it; see the scripts' headers. A text of the scripts that carry many
 * requests, a list of the others. The code is a number whatever an application's copy of ioredis makes of numbers.
 */
export function answerOf(answer: unknown): ScriptReply {
  if (Array.isArray(answer)) return [Number(answer[0]), ...(answer as ScriptReply).slice(1)];
  const fields: (string | number)[] = String(answer).split(' ');
  const code = Number(fields[0]);
  if (code <= REFUSED) return [code, fields.slice(1).join(' ')]; // a text for people
  fields[0] = code;
  return fields;
}

/** One request among those that travel together. */
export interface BatchRequest {
  readonly script: BatchScript;
  /** Whose name and keys it is about. */
  readonly hold: RedisHold;
  /** Its text of fixed fields; stays the same when it is sent again. */
  readonly text: string;
  /** Is it still wanted? Asked before it is sent, and before it is sent again after a lost reply. */
  wanted(): boolean;
  /** @param how when it was sent (monotonic), and whether an earlier try got no reply and may have been executed */
  answered(answer: ScriptReply, how: { sentAtMs: number; repeated: boolean }): void;
  failed(failure: CallFailure): void;
}

/** A request on its way. */
interface Item {
  readonly request: BatchRequest;
  /** Monotonic: how long it is tried. */
  readonly endsAtMs: number;
  repeated: boolean;
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
      /** How long the trace of a clean release stays, in ms. */
      readonly keepMs: number;
    },
  ) {}

  send(request: BatchRequest): void {
    this.#underWay += 1;
    this.#add({ request, endsAtMs: this.clock.monotonicMs() + this.given.commandMs, repeated: false });
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
    this.link.cork();
    for (const script of SCRIPTS) {
      const items = this.#pending[script];
      if (items.length === 0) continue;
      this.#pending[script] = [];
      // Apart, because a batch is given up when the first of it must be: what is sent for the first time is not to be sent again
      // for the sake of something older.
      for (const repeated of [false, true]) {
        this.#exchangeAll(
          script,
          items.filter((item) => item.repeated === repeated),
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
      answers = await this.link.exchange(script, this.#payload(script, items), this.#leftMs(items));
    } catch (error) {
      this.#repeat(items.filter((item) => this.#mayRepeat(item, error)));
      return;
    }
    for (const [index, item] of items.entries()) this.#answer(item, answerOf(answers[index]), sentAtMs);
  }

  #payload(script: BatchScript, items: readonly Item[]): { keys: string[]; args: string[] } {
    const keys: string[] = [];
    const args: string[] = script === 'release' ? [String(this.given.keepMs)] : [];
    for (const { request } of items) {
      keys.push(request.hold.keys.state, request.hold.keys.queue);
      args.push(request.text);
    }
    return { keys, args };
  }

  #leftMs(items: readonly Item[]): number {
    const endsAtMs = items.reduce((first, item) => Math.min(first, item.endsAtMs), Infinity);
    return endsAtMs - this.clock.monotonicMs();
  }

  #answer(item: Item, answer: ScriptReply, sentAtMs: number): void {
    const { request, repeated } = item;
    this.#done();
    if (answer[0] !== REFUSED) {
      request.answered(answer, { sentAtMs, repeated });
      return;
    }
    const refusal = Object.assign(new Error(String(answer[1])), { name: 'ReplyError' });
    request.failed(this.#failure(item, refusal));
  }

  /** Nobody wants it any more; it may have been executed if it was sent before. */
  #drop(item: Item): false {
    this.#done();
    item.request.failed(this.#failure(item, new Error('given up before it was sent')));
    return false;
  }

  /** false: it was told that it failed. */
  #mayRepeat(item: Item, error: unknown): boolean {
    // An error of the server: the script was not executed. A CallFailure: it was not even sent.
    if (!isReply(error) && !(error instanceof CallFailure)) {
      item.repeated = true;
      if (item.request.wanted() && this.link.mayRepeat(item.endsAtMs)) return true;
    }
    this.#done();
    item.request.failed(this.#failure(item, error));
    return false;
  }

  /** Those that lost their reply together go again together. */
  #repeat(items: readonly Item[]): void {
    if (items.length === 0) return;
    void pause(this.clock, this.link.repeatAfterMs).then(() => {
      for (const item of items) this.#add(item);
    });
  }

  #failure({ request, repeated }: Item, error: unknown): CallFailure {
    return new CallFailure(
      this.link.storeError(error, { script: request.script, lockName: request.hold.name }),
      repeated,
    );
  }

  #done(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onIdle?.();
  }
}
