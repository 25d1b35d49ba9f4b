import type { Clock } from '../../runtime/clock.js';
import { LockStoreError } from '../../lock-errors.js';
import { type Bound, Bounds } from '../mechanics/bounds.js';
import type { Connection, Doing } from '../mechanics/connection.js';
import { type CallPatience, repeatedCall } from '../mechanics/repeated-call.js';
import { CallFailure } from '../mechanics/tries.js';
import { SilenceWatch, type Wire } from '../mechanics/silence-watch.js';
import type { RedisClient } from './redis-client.js';
import { isPassing, isReply, refusal, storeError } from './redis-errors.js';
import { LoadedScripts, type ScriptName } from './loaded-scripts.js';
import { type OnScriptReply, ScriptExchange } from './script-exchange.js';
import { ConnectionTrouble } from './redis-trouble.js';
import { headOf, type ScriptPayload, withoutHead } from './redis-wire.js';

export type { ScriptName } from './loaded-scripts.js';

/**
 * One reply of a script, without its head; its meaning is in the script's header. The lines of a text; or numbers and strings, nested where
 * it answers many.
 */
export type ScriptValue = string | number | readonly ScriptValue[];
export type ScriptReply = readonly ScriptValue[];

export interface ScriptCall extends Omit<CallPatience, 'verb'> {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** How a call ended: the reply, and when the request that got it was sent (monotonic). */
export interface ScriptAnswer {
  readonly reply: ScriptReply;
  readonly sentAtMs: number;
}

/** How soon we find out that a server refuses every connection for now. */
const REFUSAL_LOOK_MS = 50;

/** One connection that carries scripts. All scripts may be executed twice. */
export class RedisLink implements Connection {
  /** All times that end here are on its clock. */
  readonly bounds: Bounds;
  readonly #silence: SilenceWatch;
  readonly #scripts: LoadedScripts;
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
    this.#silence = new SilenceWatch(wireOf(client), this.bounds);
    this.#scripts = new LoadedScripts(client);
    this.#trouble = new ConnectionTrouble(client, address, () => this.#giveUp?.());
    client.on('connect', () => this.#silence.restart());
    client.on('error', (error) => (this.#presentError = error));
    client.on('connect', () => (this.#presentError = undefined));
  }

  /** @throws CallFailure */
  call({ script, keys, args, ...patience }: ScriptCall): Promise<ScriptAnswer> {
    return repeatedCall(this, { ...patience, verb: script }, (leftMs) => {
      const sentAtMs = this.clock.monotonicMs();
      return new Promise((resolve, reject) => {
        this.send(script, { payload: { keys, args }, boundMs: leftMs }, (error, reply) =>
          error === undefined ? resolve({ reply, sentAtMs }) : reject(error as Error),
        );
      });
    });
  }

  /**
   * Sends a script once. `onReply` gets a ReplyError when the server refused, so that nothing was executed; any other error when no
   * reply came.
   */
  send(
    script: ScriptName,
    { payload, boundMs }: { readonly payload: ScriptPayload; readonly boundMs: number },
    onReply: OnScriptReply,
  ): void {
    const head = headOf(payload, this.#nonce++);
    const exchange = new ScriptExchange(head, boundMs, onReply);
    this.bounds.begin(exchange, boundMs);
    const command = { keys: payload.keys.length, args: [...payload.keys, head, ...payload.args] };
    this.#scripts.run(script, command, (error, reply) => {
      this.bounds.end(exchange);
      if (error !== undefined) exchange.settle(error, []);
      else this.#heard(exchange, reply);
    });
    this.#silence.expect(boundMs); // it is written
  }

  #heard(exchange: ScriptExchange, given: unknown): void {
    const reply = withoutHead(given, exchange.head);
    if (reply !== undefined) {
      exchange.settle(undefined, reply);
      return;
    }
    // Something between us and the server ate a reply: every later one would be taken for the wrong call.
    this.client.disconnect(true);
    exchange.settle(new Error('the reply belongs to another command; the connection is dropped'), []);
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

  /** What is written now is on its way, and nothing that is written later overtakes it. */
  keepsOrder(script: ScriptName): boolean {
    return this.isReady && this.client.stream?.writable !== false && this.#scripts.has(script);
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

  isPassing(error: unknown): boolean {
    return isPassing(error);
  }

  /** The error of a command as our callers know it. */
  storeError(error: unknown, { verb, lockName }: Doing): LockStoreError {
    const place = `Redis at ${this.address}`;
    const given = error instanceof CallFailure ? error.error : error;
    return storeError(given, lockName === undefined ? place : `${place}, ${verb} of "${lockName}"`, lockName);
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

/** ioredis, as the silence watch sees it. */
function wireOf(client: RedisClient): Wire {
  return {
    socket: () => client.stream,
    isAwaiting: () => (client.commandQueue?.length ?? 0) > 0,
  };
}
