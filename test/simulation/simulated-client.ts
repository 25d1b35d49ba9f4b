import { EventEmitter } from 'node:events';
import { nextTick } from 'node:process';
import type { RedisClient } from '../../lib/stores/redis/redis-client.js';
import { ReplyQueue } from './reply-queue.js';
import type { SimulatedConnection, SimulatedNetwork } from './simulated-network.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { ServerCommand } from './simulated-server.js';
import type { WorldEvent } from './virtual-world.js';

/** The options of ioredis that this client follows; `redisServer` in lib/stores/redis/redis-client.ts sets them. */
interface ClientOptions {
  readonly commandTimeout?: number | null;
  readonly connectTimeout?: number;
  readonly retryStrategy?: (tries: number) => number | null;
  readonly autoResubscribe?: boolean;
  readonly reconnectOnError?: (error: Error) => boolean;
}

type Listener = (...args: unknown[]) => void;

/** ioredis: `disconnect()` waits so long for the other side before it destroys the socket. */
const DISCONNECT_MS = 2_000;
const LOADING_RETRY_MS = 500;

/**
 * ioredis 6 as far as our store uses it, on the simulated network: the same states in the same order, commands matched to replies
 * by their order alone, in-flight commands rejected when the connection closes, reconnection by `retryStrategy`, a ready check with
 * INFO, subscriptions renewed by itself after a reconnect unless told not to. Read off ioredis' Redis.js and event_handler.js.
 */
export class SimulatedClient implements RedisClient {
  status = 'wait';
  readonly #events = new EventEmitter();
  readonly #replies: ReplyQueue;
  readonly #channels = new Set<string>();
  /** Its socket, as the network knows it. */
  connection: SimulatedConnection | undefined;
  #socket: { bytesRead: number; destroy?(error: Error): void } = { bytesRead: 0 };
  /** The stream was ended: not writable any more, though the status may still be `ready`. */
  #ended = false;
  #manuallyClosing = false;
  #tries = 0;
  #reconnect: WorldEvent | undefined;

  constructor(
    private readonly process: SimulatedProcess,
    private readonly network: SimulatedNetwork,
    private readonly settings: ClientOptions = {},
    private readonly family: SimulatedClient[] = [],
  ) {
    family.push(this);
    this.#events.setMaxListeners(0);
    const { commandTimeout } = settings;
    this.#replies = new ReplyQueue(process, {
      commandTimeout: commandTimeout ?? undefined,
      onError: (error) => {
        if (settings.reconnectOnError?.(error) === true) this.disconnect(true);
      },
    });
  }

  /** Its socket as our store sees it: how much was read, may anything be written, and a hard end. */
  get stream(): NonNullable<RedisClient['stream']> {
    return Object.assign(this.#socket, { writable: !this.#ended });
  }

  get commandQueue(): { readonly length: number } {
    return this.#replies;
  }

  /** Every client duplicated from this one, and itself. */
  get all(): readonly SimulatedClient[] {
    return this.family;
  }

  duplicate(override?: object): SimulatedClient {
    return new SimulatedClient(this.process, this.network, { ...this.settings, ...override }, this.family);
  }

  connect(): Promise<void> {
    if (['connecting', 'connect', 'ready'].includes(this.status))
      return Promise.reject(new Error('Redis is already connecting/connected'));
    return new Promise((resolve, reject) => {
      const done = () => (this.off('ready', onReady), this.off('close', onClose));
      const onReady = () => (done(), resolve());
      const onClose = () => (done(), reject(new Error('Connection is closed.')));
      this.on('ready', onReady);
      this.on('close', onClose);
      this.#open();
    });
  }

  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#manuallyClosing = true;
      if (this.#reconnect !== undefined) this.#reconnect.cancelled = true;
    }
    if (this.status === 'wait' || this.status === 'reconnecting') {
      if (!reconnect) this.#onClosed();
      return;
    }
    const connection = this.connection;
    if (connection === undefined || this.#ended) return;
    this.#ended = true;
    connection.end();
    this.process.later(DISCONNECT_MS, () => {
      if (this.connection === connection) this.#destroy();
    });
  }

  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown> {
    return this.#send({
      name: 'evalsha',
      script: { id: sha, keys: args.slice(0, keys), args: args.slice(keys) },
    });
  }

  eval(text: string, keys: number, ...args: string[]): Promise<unknown> {
    return this.#send({
      name: 'eval',
      script: { id: text, keys: args.slice(0, keys), args: args.slice(keys) },
    });
  }

  async info(): Promise<string> {
    return (await this.#send({ name: 'info' })) as string;
  }

  subscribe(channel: string): Promise<unknown> {
    this.#channels.add(channel);
    return this.#send({ name: 'subscribe', channel });
  }

  unsubscribe(channel: string): Promise<unknown> {
    this.#channels.delete(channel);
    return this.#send({ name: 'unsubscribe', channel });
  }

  on(event: string, listener: Listener): this {
    this.#events.on(event, listener);
    return this;
  }

  off(event: string, listener: Listener): this {
    this.#events.off(event, listener);
    return this;
  }

  /** ioredis tells a new status in the next tick. */
  #become(status: string): void {
    this.status = status;
    nextTick(() => this.#events.emit(status));
  }

  #open(): void {
    this.#become('connecting');
    this.#ended = false;
    const isCurrent = () => this.connection === connection;
    const connection = this.network.connect(this.process, {
      opened: () => isCurrent() && (giveUp.cancelled = true) && this.#check(),
      failed: () =>
        isCurrent() && (giveUp.cancelled = true) && this.#fail('connect ECONNREFUSED 127.0.0.1:6379'),
      replied: (reply) => {
        if (!isCurrent()) return;
        socket.bytesRead += 1;
        this.#replies.answer(reply);
      },
      pushed: (channel, message) => {
        if (!isCurrent()) return;
        socket.bytesRead += 1;
        this.#events.emit('message', channel, message);
      },
      closed: () => isCurrent() && this.#onClosed(),
    });
    this.connection = connection;
    const socket = {
      bytesRead: 0,
      destroy: (error: Error) => {
        if (!isCurrent()) return;
        this.#events.emit('error', error);
        this.#destroy();
      },
    };
    this.#socket = socket;
    const giveUp = this.process.later(this.settings.connectTimeout ?? 10_000, () => {
      if (!isCurrent()) return;
      connection.destroy();
      this.#fail('connect ETIMEDOUT');
    });
  }

  #fail(message: string): void {
    this.#events.emit('error', new Error(message));
    this.#onClosed();
  }

  /** The ready check. */
  #check(): void {
    this.#become('connect');
    const connection = this.connection;
    this.#write({ name: 'info' }).then(
      (info): void => {
        if (this.connection !== connection) return;
        if (!String(info).includes('loading:1')) this.#onReady();
        else this.process.later(LOADING_RETRY_MS, () => this.connection === connection && this.#check());
      },
      (error: unknown) => {
        if (this.connection !== connection) return;
        this.#events.emit('error', error);
        this.disconnect(true);
      },
    );
  }

  #onReady(): void {
    this.#tries = 0;
    this.#become('ready');
    if (this.settings.autoResubscribe === false) return;
    for (const channel of this.#channels) this.#write({ name: 'subscribe', channel }).catch(() => undefined);
  }

  #send(command: ServerCommand): Promise<unknown> {
    if (this.status === 'end') return Promise.reject(new Error('Connection is closed.'));
    if (this.status === 'wait') this.connect().catch(() => undefined);
    if (this.status === 'ready' && !this.#ended) return this.#write(command);
    return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
  }

  #write(command: ServerCommand): Promise<unknown> {
    this.connection?.send(command);
    return this.#replies.wait();
  }

  #destroy(): void {
    this.connection?.destroy();
    this.#onClosed();
  }

  #onClosed(): void {
    this.connection = undefined;
    this.#become('close');
    const mayReconnect = !this.#manuallyClosing;
    this.#manuallyClosing = false;
    const delayMs = mayReconnect ? this.settings.retryStrategy?.(++this.#tries) : undefined;
    if (typeof delayMs === 'number') {
      this.#become('reconnecting');
      this.#reconnect = this.process.later(delayMs, () => this.#open());
    } else this.#become('end');
    this.#replies.rejectAll();
  }
}
