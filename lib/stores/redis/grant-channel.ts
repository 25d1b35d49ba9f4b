import { type Clock, pause } from '../../clock.js';
import type { RedisClient } from './redis-client.js';
import { RedisLink, within } from './redis-link.js';

/** What a release told this process: the lock is yours. */
export interface PushedGrant {
  readonly ownerToken: string;
  readonly fence: string;
  readonly lineage: string;
  /** Server time of the grant, in microseconds. */
  readonly grantedUs: number;
  readonly leaseMs: number;
  /** As it stands in Redis, with the client's `keyPrefix`. */
  readonly stateKey: string;
}

export interface GrantChannelEvents {
  granted(push: PushedGrant): void;
  /** The hold with this owner token was ended by force. */
  forced(ownerToken: string, reason: string): void;
  /** Subscribed again after a gap, in which pushes may have been lost. */
  resumed(): void;
}

/** While somebody waits the connection is tried this often: a half-open one swallows grants and says nothing. */
const HEARTBEAT_MS = 5_000;

/**
 * Where this process hears of its grants: one subscription on a connection of its own (a connection that is subscribed may not send
 * other commands in RESP2). A push is a hint that saves time; whoever waits also polls.
 */
export class GrantChannel {
  readonly #link: RedisLink;
  readonly #stop = new AbortController();
  #subscribed = false;
  #subscribing: Promise<void> | undefined;
  #beating = false;

  constructor(
    private readonly client: RedisClient,
    private readonly environment: {
      /** Where the grants of this process are published. */
      readonly channel: string;
      readonly clock: Clock;
      readonly address: string;
      readonly commandMs: number;
      /** Does anybody here wait for a grant? */
      readonly waiting: () => boolean;
    },
    private readonly events: GrantChannelEvents,
  ) {
    this.#link = new RedisLink(client, environment.clock, environment.address);
    client.on('message', (_channel, message) => this.#hear(String(message)));
    client.on('close', () => (this.#subscribed = false));
    // ioredis subscribes again by itself after a reconnect, but says so to nobody: do it ourselves and know when it is done.
    client.on('ready', () => void this.subscribe().catch(() => undefined));
  }

  /** Resolves when grants can be heard. @throws what the connection or the server answers */
  subscribe(): Promise<void> {
    if (this.#subscribed || this.#stop.signal.aborted) return Promise.resolve();
    return (this.#subscribing ??= this.#subscribe().finally(() => (this.#subscribing = undefined)));
  }

  async #subscribe(): Promise<void> {
    const { clock, commandMs } = this.environment;
    await this.#link.ready(commandMs);
    await within(clock, commandMs, () => this.client.subscribe(this.environment.channel));
    this.#subscribed = true;
    this.events.resumed();
  }

  /** Call it when somebody begins to wait. */
  keepAlive(): void {
    if (!this.#beating) void this.#beat();
  }

  async #beat(): Promise<void> {
    const { clock, commandMs, waiting } = this.environment;
    this.#beating = true;
    while (waiting() && !this.#stop.signal.aborted) {
      try {
        if (!this.#subscribed) await this.subscribe();
        // SUBSCRIBE again is the one ping that every protocol version allows on a subscribed connection.
        else await within(clock, commandMs, () => this.client.subscribe(this.environment.channel));
      } catch {
        this.#subscribed = false;
        if (!this.#stop.signal.aborted && this.client.status === 'ready') this.client.disconnect(true);
      }
      await pause(clock, HEARTBEAT_MS, this.#stop.signal);
    }
    this.#beating = false;
  }

  /** From now on nobody grants to this process: a publisher sees no listener. Never rejects. */
  async leave(): Promise<void> {
    const { clock, commandMs } = this.environment;
    this.#stop.abort();
    if (!this.#subscribed) return;
    this.#subscribed = false;
    await within(clock, commandMs, () => this.client.unsubscribe(this.environment.channel)).catch(
      () => undefined,
    );
  }

  close(): void {
    this.#stop.abort();
    this.#link.close();
  }

  #hear(message: string): void {
    const ownerToken = message.slice(1, 23);
    if (message.startsWith('L')) this.events.forced(ownerToken, message.slice(23));
    if (!message.startsWith('G')) return;
    this.events.granted({
      ownerToken,
      fence: message.slice(23, 39),
      lineage: message.slice(39, 55),
      grantedUs: Number(message.slice(55, 71)),
      leaseMs: Number(message.slice(71, 79)),
      stateKey: message.slice(79),
    });
  }
}
