import { Redis, type RedisOptions } from 'ioredis';
import { describeValue, LockUsageError, redactPasswords } from '../../lock-errors.js';

/**
 * What we use of ioredis. Structural, so that a client of another major version (5 and 6 meet in one application: bullmq brings
 * its own) is as good as ours, and no `instanceof` asks which copy made it.
 */
export interface RedisClient {
  readonly status: string;
  readonly options?: { readonly keyPrefix?: string | undefined };
  /** Its socket, once there is one. */
  readonly stream?: {
    cork?(): void;
    uncork?(): void;
    readonly bytesRead?: number;
    destroy?(error: Error): void;
  };
  /** What was sent and is not answered, its own commands too. */
  readonly commandQueue?: { readonly length: number };
  duplicate(override?: object): RedisClient;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  info(): Promise<string>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** What `redisStore` takes: exactly one of the three says where the server is. */
export interface RedisStoreOptions {
  /** `redis://`, `rediss://` (TLS) or `unix://`. We open two connections of our own: commands and pushes. */
  url?: string;
  /** Options of ioredis, when a URL does not say enough (TLS certificates, Sentinel). What a lock needs is set over them. */
  options?: RedisOptions;
  /**
   * A client of the application, ioredis 5 or 6. It is only duplicated: never used for commands, never closed, never changed. Its
   * `keyPrefix`, credentials, TLS and database apply.
   */
  client?: RedisClient;
  /**
   * How long one command may take before it counts as failed, in ms; 50 to 60 000; default 2 000. Lower finds a dead server sooner,
   * higher forgives a slow one.
   */
  commandMs?: number;
}

export const DEFAULT_COMMAND_MS = 2_000;

/**
 * What a lock's connection needs, measured against ioredis 5 and 6: an interrupted command is rejected at once and never sent again
 * behind our back (`autoResendUnfulfilledCommands: false` alone never settles it: ioredis #2193), nothing waits in an offline
 * queue to be executed after the caller has given up (#2130), a half-open socket is found, and a fail-over is followed.
 */
function profile(commandMs: number): RedisOptions & { replyMapping: 'legacy' } {
  return {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResubscribe: false, // ioredis leaves its own SUBSCRIBE without a catch: cut again meanwhile, it would end the process
    replyMapping: 'legacy', // what ioredis 5 gives
    failoverDetector: true, // else a Sentinel fail-over is not noticed while the old primary still answers
    commandTimeout: undefined, // the link has a bound of its own round every command: no second timer
    socketTimeout: undefined, // rings after a blocked event loop before the answer is read: silence-watch.ts
    maxLoadingRetryTime: 500, // else it may sleep for 10 s beside a server that has long been loaded
    connectTimeout: Math.max(commandMs, 1_000),
    keepAlive: 5_000,
    disconnectTimeout: 200, // ioredis keeps the process alive for so long after a disconnect of a dead connection
    retryStrategy: (tries) => Math.min(50 * tries, 1_000),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    connectionName: 'nestjs-distributed-lock',
  };
}

/** Where the server is, and how to get a connection to it. */
export interface RedisServer {
  create(): RedisClient;
  /** For messages; without credentials. */
  readonly address: string;
  readonly commandMs: number;
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_TOPOLOGY */
export function redisServer(options: RedisStoreOptions): RedisServer {
  const { url, options: redisOptions, client, commandMs = DEFAULT_COMMAND_MS, ...unknown } = options;
  const [surplus] = Object.keys(unknown);
  if (surplus !== undefined)
    throw invalid(`option "${surplus}" is not known; known: url, options, client, commandMs`);
  if ([url, redisOptions, client].filter((given) => given !== undefined).length !== 1) {
    throw invalid('give exactly one of url, options, client');
  }
  if (!Number.isInteger(commandMs) || commandMs < 50 || commandMs > 60_000) {
    throw invalid(`commandMs must be an integer from 50 to 60000 ms, got ${describeValue(commandMs)}`);
  }
  const settings = profile(commandMs);
  if (client !== undefined) {
    checkClient(client);
    return { create: () => client.duplicate(settings), address: "the application's client", commandMs };
  }
  if (url !== undefined) {
    checkUrl(url);
    return { create: () => new Redis(url, settings), address: redactPasswords(url), commandMs };
  }
  const { host = '127.0.0.1', port = 6379, path } = redisOptions ?? {};
  const create = () => new Redis({ ...redisOptions, ...settings });
  return { create, address: path ?? `${host}:${port}`, commandMs };
}

function checkUrl(url: unknown): void {
  if (typeof url === 'string' && /^(rediss?|unix):\/\//.test(url)) return;
  const got = typeof url === 'string' ? describeValue(redactPasswords(url)) : describeValue(url);
  throw invalid(`url must begin with redis://, rediss:// or unix://, got ${got}`);
}

function checkClient(client: RedisClient): void {
  if ((client as { isCluster?: unknown }).isCluster === true) {
    throw new LockUsageError(
      'LOCK_TOPOLOGY',
      'redisStore: a Cluster client is not built yet; give a client of one server',
    );
  }
  if (typeof client?.duplicate !== 'function') {
    throw invalid(`client must be an ioredis client, got ${describeValue(client)}`);
  }
}

function invalid(problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `redisStore: ${problem}`);
}
