import { type Clock, pause } from '../../clock.js';
import { LockStoreError } from '../../lock-errors.js';
import type { RedisClient } from './redis-client.js';
import { isReply, storeError } from './redis-errors.js';
import { SCRIPTS } from './redis-scripts.generated.js';

export type ScriptName = keyof typeof SCRIPTS;

/** One reply of a script, without the nonce; its meaning is in the script's header. Numbers and strings, nested for `renew`. */
export type ScriptValue = string | number | readonly ScriptValue[];
export type ScriptReply = readonly ScriptValue[];

export interface ScriptCall {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  /** For messages. */
  readonly lockName?: string;
  /** How long to try in all, in ms. */
  readonly boundMs: number;
  /** Is it still wanted? Asked before it is sent again after a lost reply; default: always. */
  readonly wanted?: () => boolean;
}

/** How a call ended: the reply, and when the request that got it was sent (monotonic). */
export interface ScriptAnswer {
  readonly reply: ScriptReply;
  readonly sentAtMs: number;
  /** An earlier try got no reply and may have been executed. */
  readonly repeated: boolean;
}

/** Thrown by {@link RedisLink.call}: what went wrong, and whether the request was perhaps executed all the same. */
export class CallFailure extends Error {
  constructor(
    readonly error: LockStoreError,
    readonly mayHaveRun: boolean,
  ) {
    super(error.message, { cause: error });
  }
}

const RETRY_PAUSE_MS = 20;

/**
 * One connection that carries scripts. All scripts may be executed twice, so a call whose reply got lost is sent again with the same
 * bytes, within its bound; the caller learns whether anything may have been executed.
 */
export class RedisLink {
  #nonce = 0;
  #lastError: unknown;
  readonly #closing = new AbortController();
  #connecting: Promise<void> | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
    private readonly address: string,
  ) {
    // Without a listener ioredis prints each failed attempt to connect. The last one is part of our own message instead.
    client.on('error', (error) => (this.#lastError = error));
  }

  /** @throws CallFailure */
  async call(call: ScriptCall): Promise<ScriptAnswer> {
    const endsAtMs = this.clock.monotonicMs() + call.boundMs;
    let mayHaveRun = false;
    for (;;) {
      const leftMs = endsAtMs - this.clock.monotonicMs();
      const sentAtMs = await this.#sendable(leftMs, mayHaveRun, call);
      try {
        const reply = await within(this.clock, endsAtMs - sentAtMs, () => this.#send(call));
        return { reply, sentAtMs, repeated: mayHaveRun };
      } catch (error) {
        const failure = storeError(error, this.#doing(call), call.lockName);
        if (isReply(error)) throw new CallFailure(failure, mayHaveRun);
        mayHaveRun = true;
        if (
          call.wanted?.() === false ||
          this.#closing.signal.aborted ||
          this.clock.monotonicMs() + RETRY_PAUSE_MS >= endsAtMs
        )
          throw new CallFailure(failure, true);
        await pause(this.clock, RETRY_PAUSE_MS);
      }
    }
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
    await within(this.clock, boundMs, () => this.#connected()).catch(() => undefined);
    if (this.client.status !== 'ready') throw this.#unreachable();
  }

  /** Resolves when the connection changes for the better, or is closed. One listener, however many calls wait. */
  #connected(): Promise<void> {
    return (this.#connecting ??= new Promise((resolve) => {
      const { signal } = this.#closing;
      const settle = () => {
        this.client.off('ready', settle);
        signal.removeEventListener('abort', settle);
        this.#connecting = undefined;
        resolve();
      };
      this.client.on('ready', settle);
      signal.addEventListener('abort', settle);
    }));
  }

  /** Idempotent: a second disconnect() of ioredis would leave a timer of 2 s behind. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.client.disconnect();
  }

  async #sendable(boundMs: number, mayHaveRun: boolean, call: ScriptCall): Promise<number> {
    if (this.client.status !== 'ready') {
      try {
        if (this.#closing.signal.aborted) throw this.#unreachable();
        await this.ready(boundMs);
      } catch (error) {
        throw new CallFailure(storeError(error, this.#doing(call), call.lockName), mayHaveRun);
      }
    }
    return this.clock.monotonicMs();
  }

  async #send(call: ScriptCall): Promise<ScriptReply> {
    const nonce = (this.#nonce++).toString(36);
    const { sha, text } = SCRIPTS[call.script];
    const args = [...call.keys, nonce, ...call.args];
    let reply: unknown;
    try {
      reply = await this.client.evalsha(sha, call.keys.length, ...args);
    } catch (error) {
      // NOSCRIPT: a new server, a restart or SCRIPT FLUSH. Nothing was executed.
      if (!isReply(error) || !(error as Error).message.startsWith('NOSCRIPT')) throw error;
      reply = await this.client.eval(text, call.keys.length, ...args);
    }
    if (!Array.isArray(reply) || reply[0] !== nonce) {
      // Something between us and the server ate a reply: every later one would be taken for the wrong call.
      this.client.disconnect(true);
      throw new Error('the reply belongs to another command; the connection is dropped');
    }
    return (reply as ScriptValue[]).slice(1);
  }

  #doing(call: ScriptCall): string {
    return call.lockName === undefined
      ? `Redis at ${this.address}`
      : `Redis at ${this.address}, ${call.script} of "${call.lockName}"`;
  }

  #unreachable(): LockStoreError {
    if (this.#closing.signal.aborted)
      return new LockStoreError('LOCK_CLOSED', `the connection to Redis at ${this.address} is closed`);
    const { message = 'no answer' } = (this.#lastError ?? {}) as { message?: string };
    const text = `Redis at ${this.address} cannot be reached (${message || 'no answer'}); is it running, and is the address right?`;
    if (isReply(this.#lastError)) return storeError(this.#lastError, `Redis at ${this.address}`);
    return new LockStoreError('LOCK_STORE_UNAVAILABLE', text, { cause: this.#lastError });
  }
}

/** Our own bound round every command: a client that never settles one must not take a caller with it. */
export function within<T>(clock: Clock, boundMs: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // The connection keeps the process alive as long as an answer may come; after close() this timer must not.
    const tooLate = () => reject(new Error(`no reply within ${Math.round(boundMs)} ms`));
    const timer = clock.setTimer(boundMs, tooLate, { background: true });
    void work()
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
