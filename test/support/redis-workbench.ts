import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import {
  type LockError,
  LockManager,
  type LockManagerOptions,
  redisStore,
  type RedisStoreOptions,
} from '../../lib/index.js';
import { eventually } from './in-time.js';
import { type RedisOptions, type RedisServer, startRedis } from './start-redis.js';

export { eventually, within } from './in-time.js';

/** One real Redis for a spec file, and the managers of one test, which are closed after it. */
export class RedisWorkbench {
  #server: RedisServer | undefined;
  #raw: Redis | undefined;
  readonly #open: { close(): unknown }[] = [];

  async start(options?: RedisOptions): Promise<void> {
    this.#server = await startRedis(options);
    this.#raw = new Redis(this.#server.url);
    await this.#raw.ping();
  }

  get server(): RedisServer {
    if (this.#server === undefined) throw new Error('start() first');
    return this.#server;
  }

  /** A client that knows nothing of locks. */
  get raw(): Redis {
    if (this.#raw === undefined) throw new Error('start() first');
    return this.#raw;
  }

  get url(): string {
    return this.server.url;
  }

  /** A process of its own, as far as the server can tell. */
  async manager(
    options: Partial<LockManagerOptions> = {},
    connection: RedisStoreOptions = { url: this.url },
  ): Promise<LockManager> {
    const locks = new LockManager({ drainMs: 0, ...options, store: redisStore(connection) });
    locks.on('warning', () => undefined);
    this.afterwards(locks);
    // A short commandMs is for the fault that a test makes, not for a start on a busy machine.
    await eventually(() =>
      locks.ready().then(
        () => true,
        (error: LockError) => refuse(error),
      ),
    );
    return locks;
  }

  afterwards(thing: { close(): unknown }): void {
    this.#open.push(thing);
  }

  /** After each test. */
  async clean(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((thing) => thing.close()));
    await this.#raw?.flushall();
  }

  async stop(): Promise<void> {
    this.#raw?.disconnect();
    await this.#server?.stop();
  }

  /** Until `locks` waits in the store's queue for this name. */
  async queued(name: string, length = 1): Promise<void> {
    await eventually(async () => (await this.raw.zcard(`lock:{${name}}:q`)) === length);
  }

  /** What clients (not scripts) send while `work` runs, as the server sees it. Without what this bench sends itself. */
  async commandsDuring(work: () => Promise<void>): Promise<string[]> {
    const seen: string[] = [];
    const monitor = await this.raw.monitor();
    monitor.on('monitor', (_time: string, args: string[], source: string) => {
      if (source !== 'lua' && args[0] !== 'ping') seen.push(args.join(' '));
    });
    await work();
    const last = once(monitor, 'monitor');
    await this.raw.ping(); // the monitor has seen everything before it
    await last;
    await sleep(20);
    monitor.disconnect();
    return seen;
  }
}

/** What may pass is tried again; anything else is the test's to know. */
function refuse(error: LockError): false {
  if (!error.retryable) throw error;
  return false;
}
