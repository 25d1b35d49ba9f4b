import type { Clock } from '../../runtime/clock.js';
import { LockStoreError } from '../../lock-errors.js';
import { type Bound, Bounds } from './bounds.js';
import type { RedisClient } from './redis-client.js';
import { isPassing, isReply, refusal, storeError } from './redis-errors.js';
import { SCRIPTS } from './redis-scripts.generated.js';
import { ConnectionTrouble } from './redis-trouble.js';
import { headOf, type ScriptPayload, withoutHead } from './redis-wire.js';
import { SilenceWatch } from './silence-watch.js';
import { Tries } from './tries.js';

export type ScriptName = keyof typeof SCRIPTS;

/**
 * One reply of a script, without its head; its meaning is in the script's header. The lines of a text; or numbers and strings, nested where
 * it answers many.
 */
export type ScriptValue = string | number | readonly ScriptValue[];
export type ScriptReply = readonly ScriptValue[];

/** What a command is about, for messages. */
export interface Doing {
  readonly script: ScriptName;
  readonly lockName?: string;
}

export interface ScriptCall extends Doing, ScriptPayload {
  /** How long to try in all, in ms. */
  readonly boundMs: number;
  /** May it be sent again after a lost reply? Default: yes. */
  readonly once?: boolean;
}

/** How a call ended: the reply, and when the request that got it was sent (monotonic). */
export interface ScriptAnswer {
  readonly reply: ScriptReply;
  readonly sentAtMs: number;
}

/** Why a request failed: what went wrong, and whether it was perhaps executed all the same. */
export class CallFailure extends Error {
  constructor(
    readonly error: LockStoreError,
    readonly mayHaveRun: boolean,
  ) {
    super(error.message, { cause: error });
  }
}

/** How soon we find out that a server refuses every connection for now. */
const REFUSAL_LOOK_MS = 50;

/**
 * One connection that carries scripts. All scripts may be executed twice, so a call whose reply got lost is sent again with the same
 * bytes, within its bound; the caller learns whether anything may have been executed. One that is refused for a state that passes is
 * sent again too, at growing distances.
 */
export class RedisLink {
  /** All times that end here are on its clock. */
  readonly bounds: Bounds;
  readonly #silence: SilenceWatch;
  #nonce = 0;
  readonly #trouble: ConnectionTrouble;
  /** Ends the wait for a connection that cannot come about. */
  #giveUp: (() => void) | undefined;
  /** What the connection met since it was made. */
  #presentError: unknown;
  readonly #closing = new AbortController();
  #connecting: Promise<void> | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
    private readonly address: string,
  ) {
    this.bounds = new Bounds(clock);
    this.#silence = new SilenceWatch(client, this.bounds);
    this.#trouble = new ConnectionTrouble(client, address, () => this.#giveUp?.());
    client.on('error', (error) => (this.#presentError = error));
    client.on('connect', () => (this.#presentError = undefined));
  }

  /** @throws CallFailure */
  async call(call: ScriptCall): Promise<ScriptAnswer> {
    const tries = new Tries(this.bounds.nowMs() + call.boundMs);
    const leftMs = () => tries.endsAtMs - this.bounds.nowMs();
    for (;;) {
      try {
        if (!this.isReady) await this.reachable(leftMs());
        const sentAtMs = this.clock.monotonicMs();
        return { reply: await this.exchange(call.script, call, leftMs()), sentAtMs };
      } catch (error) {
        const isRefusal = this.isRefusal(error);
        const delayMs = tries.failed(error, isRefusal);
        const mayHelp = isRefusal ? isPassing(error) : call.once !== true;
        if (!mayHelp || !this.mayRepeat(tries.endsAtMs, delayMs))
          throw new CallFailure(this.storeError(tries.error, call), tries.mayHaveRun);
        await this.bounds.pause(delayMs);
      }
    }
  }

  /**
   * Sends a script once.
   *
   * @throws a ReplyError when the server refused, so that nothing was executed; anything else when no reply came
   */
  exchange(script: ScriptName, payload: ScriptPayload, boundMs: number): Promise<ScriptReply> {
    const head = headOf(payload, this.#nonce++);
    const args = [...payload.keys, head, ...payload.args];
    const answer = this.bounds.within(boundMs, async () => {
      const reply = withoutHead(await this.#evaluate(script, payload.keys.length, args), head);
      if (reply === undefined) {
        // Something between us and the server ate a reply: every later one would be taken for the wrong call.
        this.client.disconnect(true);
        throw new Error('the reply belongs to another command; the connection is dropped');
      }
      return reply;
    });
    this.#silence.expect(boundMs); // it is written
    return answer;
  }

  async #evaluate(script: ScriptName, keys: number, args: readonly string[]): Promise<unknown> {
    const { sha, text } = SCRIPTS[script];
    try {
      return await this.client.evalsha(sha, keys, ...args);
    } catch (error) {
      // NOSCRIPT: a new server, a restart or SCRIPT FLUSH. Nothing was executed.
      if (!isReply(error) || !(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return this.client.eval(text, keys, ...args);
    }
  }

  /** What is sent until {@link uncork} goes to the system in one write. */
  cork(): void {
    this.client.stream?.cork?.();
  }

  uncork(): void {
    this.client.stream?.uncork?.();
  }

  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /** @throws CallFailure when nothing can be sent within `boundMs` */
  async reachable(boundMs: number): Promise<void> {
    try {
      if (this.#closing.signal.aborted) throw this.#unreachable();
      await this.ready(boundMs);
    } catch (error) {
      throw new CallFailure(storeError(error, `Redis at ${this.address}`), false);
    }
  }

  /** By the time of {@link bounds}. */
  mayRepeat(endsAtMs: number, delayMs: number): boolean {
    return !this.#closing.signal.aborted && this.bounds.nowMs() + delayMs < endsAtMs;
  }

  /** true: this copy was not executed. A CallFailure: it was not even sent. */
  isRefusal(error: unknown): boolean {
    return isReply(error) || error instanceof CallFailure;
  }

  /** The error of a command as our callers know it. */
  storeError(error: unknown, { script, lockName }: Doing): LockStoreError {
    const place = `Redis at ${this.address}`;
    const given = error instanceof CallFailure ? error.error : error;
    return storeError(
      given,
      lockName === undefined ? place : `${place}, ${script} of "${lockName}"`,
      lockName,
    );
  }

  /**
   * Resolves when commands can be sent.
   *
   * @throws LockStoreError after `boundMs`, with what the last attempt to connect met
   */
  async ready(boundMs: number): Promise<void> {
    if (this.client.status === 'ready') return;
    if (this.#closing.signal.aborted) throw this.#unreachable();
    if (this.client.status === 'wait' || this.client.status === 'end') {
      this.client.connect().catch(() => undefined); // ioredis goes on trying; its errors arrive as events
    }
    this.#silence.expect(boundMs);
    await this.bounds.within(boundMs, () => this.#connected()).catch(() => undefined);
    if (this.isReady) return;
    if (!this.#isLoading) throw this.#unreachable();
    const loading = refusal('LOADING Redis is loading the dataset in memory');
    throw storeError(loading, `Redis at ${this.address}`);
  }

  /** Connected, and ioredis waits for nothing that was sent: it looks from time to time whether the server has loaded its data. */
  get #isLoading(): boolean {
    const { status, commandQueue } = this.client;
    return status === 'connect' && commandQueue?.length === 0 && this.#presentError === undefined;
  }

  /** The server is there, and says why it cannot serve now. */
  get #isRefused(): boolean {
    return this.#isLoading || isPassing(this.#presentError);
  }

  /** Resolves when commands can be sent, the connection is closed, or the server refuses it. One listener, however many calls wait. */
  #connected(): Promise<void> {
    return (this.#connecting ??= new Promise((resolve) => {
      const { signal } = this.#closing;
      let looking: Bound;
      const settle = () => {
        this.bounds.end(looking);
        this.client.off('ready', settle);
        signal.removeEventListener('abort', settle);
        this.#connecting = undefined;
        resolve();
      };
      this.#giveUp = settle;
      const look = () => {
        looking = this.bounds.start(REFUSAL_LOOK_MS, () => (this.#isRefused ? settle() : look()));
      };
      look();
      this.client.on('ready', settle);
      signal.addEventListener('abort', settle);
    }));
  }

  /** Idempotent: a second disconnect() of ioredis would leave a timer of 2 s behind. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#silence.close();
    this.client.disconnect();
    this.bounds.close();
  }

  #unreachable(): LockStoreError {
    if (this.#closing.signal.aborted)
      return new LockStoreError('LOCK_CLOSED', `the connection to Redis at ${this.address} is closed`);
    return this.#trouble.error();
  }
}
