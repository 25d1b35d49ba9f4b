import { type Clock, pause } from '../../clock.js';
import { LockStoreError } from '../../lock-errors.js';
import type { RedisClient } from './redis-client.js';
import { isReply, storeError } from './redis-errors.js';
import { SCRIPTS } from './redis-scripts.generated.js';
import { ConnectionTrouble } from './redis-trouble.js';

export type ScriptName = keyof typeof SCRIPTS;

/** One reply of a script, without the nonce; its meaning is in the script's header. Numbers and strings, nested where it answers many. */
export type ScriptValue = string | number | readonly ScriptValue[];
export type ScriptReply = readonly ScriptValue[];

/** What a command is about, for messages. */
export interface Doing {
  readonly script: ScriptName;
  readonly lockName?: string;
}

export interface ScriptCall extends Doing {
  readonly keys: readonly string[];
  readonly args: readonly string[];
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

/**
 * One connection that carries scripts. All scripts may be executed twice, so a call whose reply got lost is sent again with the same
 * bytes, within its bound; the caller learns whether anything may have been executed.
 */
export class RedisLink {
  readonly repeatAfterMs = 20;
  #nonce = 0;
  readonly #trouble: ConnectionTrouble;
  /** Ends the wait for a connection that cannot come about. */
  #giveUp: (() => void) | undefined;
  readonly #closing = new AbortController();
  #connecting: Promise<void> | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly clock: Clock,
    private readonly address: string,
  ) {
    this.#trouble = new ConnectionTrouble(client, address, () => this.#giveUp?.());
  }

  /** @throws CallFailure */
  async call(call: ScriptCall): Promise<ScriptAnswer> {
    const endsAtMs = this.clock.monotonicMs() + call.boundMs;
    let mayHaveRun = false;
    for (;;) {
      try {
        if (!this.isReady) await this.reachable(endsAtMs - this.clock.monotonicMs());
        const sentAtMs = this.clock.monotonicMs();
        return { reply: await this.exchange(call.script, call, endsAtMs - sentAtMs), sentAtMs };
      } catch (error) {
        if (isReply(error) || error instanceof CallFailure)
          throw new CallFailure(this.storeError(error, call), mayHaveRun);
        mayHaveRun = true;
        if (call.once === true || !this.mayRepeat(endsAtMs))
          throw new CallFailure(this.storeError(error, call), true);
        await pause(this.clock, this.repeatAfterMs);
      }
    }
  }

  /**
   * Sends a script once.
   *
   * @throws a ReplyError when the server refused, so that nothing was executed; anything else when no reply came
   */
  exchange(
    script: ScriptName,
    payload: { readonly keys: readonly string[]; readonly args: readonly string[] },
    boundMs: number,
  ): Promise<ScriptReply> {
    const nonce = (this.#nonce++).toString(36);
    const args = [...payload.keys, nonce, ...payload.args];
    return within(this.clock, boundMs, async () => {
      const reply = await this.#evaluate(script, payload.keys.length, args);
      if (!Array.isArray(reply) || reply[0] !== nonce) {
        // Something between us and the server ate a reply: every later one would be taken for the wrong call.
        this.client.disconnect(true);
        throw new Error('the reply belongs to another command; the connection is dropped');
      }
      reply.shift();
      return reply as ScriptValue[];
    });
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

  mayRepeat(endsAtMs: number): boolean {
    return !this.#closing.signal.aborted && this.clock.monotonicMs() + this.repeatAfterMs < endsAtMs;
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
      this.#giveUp = settle;
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

  #unreachable(): LockStoreError {
    if (this.#closing.signal.aborted)
      return new LockStoreError('LOCK_CLOSED', `the connection to Redis at ${this.address} is closed`);
    return this.#trouble.error();
  }
}

/** Our own bound round every command: a client that never settles one must not take a caller with it. */
export function within<T>(clock: Clock, boundMs: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    // The connection keeps the process alive as long as an answer may come; after close() this timer must not.
    const tooLate = () => reject(new Error(`no reply within ${Math.round(boundMs)} ms`));
    const timer = clock.setTimer(boundMs, tooLate, { background: true });
    work().then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error as Error);
      },
    );
  });
}
