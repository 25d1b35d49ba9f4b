import { Redis, type RedisOptions } from 'ioredis';
import { describeKind, describeValue, LockUsageError, redactPasswords } from '../../lock-errors.js';
import {
  checkServerOptions,
  keepSecrets,
  optionsOfUrl,
  type ServerOptions,
  shownAddress,
} from './redis-address.js';

/**
 * What we use of ioredis. Structural, so that a client of another major version (5 and 6 meet in one application: bullmq brings
 * its own) is as good as ours, and no `instanceof` asks which copy made it.
 */
export interface RedisClient {
  readonly status: string;
  readonly options?: ServerOptions & { readonly keyPrefix?: string | undefined };
  /** Its socket, once there is one. */
  readonly stream?: {
    cork?(): void;
    uncork?(): void;
    readonly bytesRead?: number;
    /** false: it was ended, though the client may not know yet. */
    readonly writable?: boolean;
    destroy?(error: Error): void;
  };
  /** What was sent and is not answered, its own commands too. */
  readonly commandQueue?: { readonly length: number };
  duplicate(override?: object): RedisClient;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  evalsha(sha: string, keys: number, ...args: string[]): Promise<unknown>;
  eval(script: string, keys: number, ...args: string[]): Promise<unknown>;
  info(): Promise<unknown>;
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
 *
 * An application's options come along with its client, and defaults with its copy of ioredis (`Redis.defaultOptions` fills what is
 * `undefined`): each option is either set here or does no harm; test/stores/redis-options.spec.ts has the table of all.
 */
function profile(commandMs: number): RedisOptions & { replyMapping: 'legacy' } {
  return {
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    enableAutoPipelining: false,
    autoResubscribe: false, // ioredis leaves its own SUBSCRIBE without a catch: cut again meanwhile, it would end the process
    stringNumbers: false,
    replyMapping: 'legacy', // what ioredis 5 gives
    scripts: {}, // one that is called like a command takes its place
    himportFieldsets: [],
    monitor: false,
    readOnly: false,
    role: 'master',
    showFriendlyErrorStack: false, // an error object for every command
    failoverDetector: true, // else a Sentinel fail-over is not noticed while the old primary still answers
    commandTimeout: null as unknown as undefined, // the link has a bound of its own round every command: no second timer
    sentinelCommandTimeout: Math.max(commandMs, 1_000), // a Sentinel that hangs must not keep us from the next one
    sentinelRetryStrategy: waitBeforeRetryMs,
    socketTimeout: undefined, // rings after a blocked event loop before the answer is read: silence-watch.ts; see creator
    maxLoadingRetryTime: 500, // else it may sleep for 10 s beside a server that has long been loaded
    connectTimeout: Math.max(commandMs, 1_000),
    keepAlive: 5_000,
    noDelay: true,
    disconnectTimeout: 200, // ioredis keeps the process alive for so long after a disconnect of a dead connection
    retryStrategy: waitBeforeRetryMs,
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    connectionName: 'nestjs-distributed-lock',
  };
}

function waitBeforeRetryMs(tries: number): number {
  return Math.min(50 * tries, 1_000);
}

/** Where the server is, and how to get a connection to it. */
export interface RedisServer {
  create(): RedisClient;
  /** For messages: host and port, never who the user is. */
  readonly address: string;
  readonly commandMs: number;
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_TOPOLOGY */
export function redisServer(options: RedisStoreOptions): RedisServer {
  if (typeof options !== 'object' || options === null) {
    throw invalid(`takes an object: { url }, { options } or { client }, got ${describeKind(options)}`);
  }
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
  return client === undefined
    ? ownServer(url === undefined ? checkOptions(redisOptions) : optionsOfUrl(url), commandMs)
    : borrowedServer(client, commandMs);
}

function ownServer(options: RedisOptions, commandMs: number): RedisServer {
  keepSecrets(options);
  const settings = { ...options, ...profile(commandMs), ...keyPrefixOf(options) };
  return { create: creator(() => new Redis(settings)), address: shownAddress(options), commandMs };
}

function borrowedServer(client: RedisClient, commandMs: number): RedisServer {
  checkClient(client);
  const settings = profile(commandMs);
  const create = creator(() => {
    keepSecrets(client.options ?? {}); // each time: an application may change them
    return client.duplicate({ ...settings, ...keyPrefixOf(client.options) });
  });
  const address = client.options === undefined ? "the application's client" : shownAddress(client.options);
  return { create, address, commandMs };
}

/** ioredis takes bytes for it, too; we count its characters. */
function keyPrefixOf(options: Pick<RedisOptions, 'keyPrefix'> | undefined): { keyPrefix: string } {
  return { keyPrefix: String(options?.keyPrefix ?? '') };
}

/** Makes the first one at once, unconnected: options that ioredis refuses are refused where they are given. */
function creator(make: () => RedisClient): () => RedisClient {
  let first: RedisClient | undefined;
  const makeOne = (): RedisClient => {
    const client = make();
    // Any value of it sets a timer, so it must be none, whatever `Redis.defaultOptions` has filled in.
    Object.assign(client.options ?? {}, { socketTimeout: undefined });
    return client;
  };
  try {
    first = makeOne();
  } catch (error) {
    const { message } = error as { message?: unknown };
    throw invalid(`ioredis refuses these options: ${redactPasswords(String(message ?? error))}`, error);
  }
  return () => {
    const client = first ?? makeOne();
    first = undefined;
    return client;
  };
}

function checkOptions(options: unknown): RedisOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`options must be ioredis options, got ${describeKind(options)}`);
  }
  const method = ['then', 'connect', 'duplicate', 'on'].find((name) => isMethod(options, name));
  if (method === 'then') throw invalid('options must be ioredis options, got a promise; await it first');
  if (method !== undefined) {
    throw invalid(`options must be ioredis options, got ${NOT_IOREDIS}`);
  }
  checkServerOptions(options);
  return options;
}

const NOT_IOREDIS =
  'an object that is no ioredis client; make one with new Redis(…) of ioredis 5 or 6, or give a URL (the client of the package "redis" does not fit)';

function checkClient(client: RedisClient): void {
  if ((client as { isCluster?: unknown } | null)?.isCluster === true) {
    throw new LockUsageError(
      'LOCK_TOPOLOGY',
      'redisStore: a Cluster client is not built yet; give a client of one server',
    );
  }
  if (typeof client !== 'object' || client === null) {
    throw invalid(`client must be an ioredis client, got ${describeKind(client)}`);
  }
  if (isMethod(client, 'then'))
    throw invalid('client must be an ioredis client, got a promise; await it first');
  if (!['duplicate', 'evalsha', 'subscribe', 'on'].every((name) => isMethod(client, name))) {
    throw invalid(`client must be an ioredis client, got ${NOT_IOREDIS}`);
  }
}

function isMethod(object: object, name: string): boolean {
  return typeof (object as Record<string, unknown>)[name] === 'function';
}

function invalid(problem: string, cause?: unknown): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `redisStore: ${problem}`, { cause });
}
