import type { StoreContext } from '../lock-store.js';
import { GrantChannel, type GrantChannelEvents } from './grant-channel.js';
import type { RedisClient, RedisServer } from './redis-client.js';
import { processChannel } from './redis-keys.js';
import { RedisConnections } from './redis-connections.js';
import { RedisBatcher } from './redis-batcher.js';
import { RedisEndings } from './redis-endings.js';
import { RedisLink } from './redis-link.js';
import { probeServer } from './redis-probe.js';

/** Our two connections to one server, and what was found out about it. */
export class RedisSession {
  /** Carries the scripts. */
  readonly link: RedisLink;
  /** Where releases of other processes tell us about grants. */
  readonly channel: string;
  /** Acquisitions, yields and releases. */
  readonly batcher: RedisBatcher;
  readonly endings: RedisEndings;
  readonly connections = new RedisConnections();
  readonly #processId: string;
  readonly #grants: GrantChannel;
  readonly #client: RedisClient;
  #ready: Promise<void> | undefined;
  #isReady = false;

  constructor(
    private readonly context: StoreContext,
    private readonly server: RedisServer,
    events: GrantChannelEvents & { waiting(): boolean },
  ) {
    const { clock, prefix, randomness } = context;
    const { address, commandMs } = server;
    this.#processId = randomness.ownerToken();
    this.channel = processChannel(prefix, this.#processId);
    this.#client = this.connections.add(server.create());
    this.link = new RedisLink(this.#client, clock, address);
    this.batcher = new RedisBatcher(this.link, clock, { commandMs, keepMs: context.keepMs });
    this.endings = new RedisEndings(this.batcher, context, commandMs);
    const { channel } = this;
    const environment = { clock, channel, address, commandMs, waiting: () => events.waiting() };
    this.#grants = new GrantChannel(this.connections.add(server.create()), environment, events);
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /**
   * Connected, checked and subscribed. After a failure the next call tries again.
   *
   * @throws LockStoreError · LockUsageError LOCK_TOPOLOGY
   */
  ready(): Promise<void> {
    if (this.#isReady) return Promise.resolve();
    return (this.#ready ??= this.connections
      .prepare(() => this.#prepare())
      .finally(() => (this.#ready = undefined)));
  }

  async #prepare(): Promise<void> {
    const { address, commandMs } = this.server;
    await this.link.ready(commandMs);
    const target = {
      link: this.link,
      channel: this.channel,
      prefix: this.context.prefix,
      processId: this.#processId,
    };
    const warn = (message: string) => this.context.onWarning(message);
    await probeServer({
      ...target,
      clock: this.context.clock,
      client: this.#client,
      address,
      commandMs,
      warn,
    });
    await this.#grants.subscribe();
    this.#isReady = true;
  }

  /** Somebody begins to wait: from now on see to it that pushes arrive. */
  listen(): void {
    this.#grants.keepAlive();
  }

  /** Nobody grants to this process any more. Never rejects. */
  leave(): Promise<void> {
    return this.#grants.leave();
  }

  /** What the client puts before each key by itself. */
  get keyPrefix(): string {
    return this.#client.options?.keyPrefix ?? '';
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.endings.close();
    this.#grants.close();
    this.link.close();
  }
}
