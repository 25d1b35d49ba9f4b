import { type Clock, pause } from '../../runtime/clock.js';
import type { RedisClient } from './redis-client.js';
import { RedisLink } from './redis-link.js';
import { readInfo, runIdOf } from './server-info.js';

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
  /** Somebody has queued behind the hold with this owner token, with whom it opened the general gate. */
  waitedFor(ownerToken: string): void;
  /** A release passed this waiter over, because it did not count us among those who listen: let it ask for itself. */
  woken(ownerToken: string): void;
  /** Subscribed again after a gap, in which pushes may have been lost. */
  resumed(): void;
}

/** Where a subscription stands. */
export interface Subscription {
  /** Monotonic. */
  readonly sinceMs: number;
  /** The run id of its server; undefined: not told. */
  readonly server: string | undefined;
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
  #subscription: Subscription | undefined;
  #subscribing: Promise<void> | undefined;
  #beating = false;
  #onClosed: (() => void) | undefined;
  /** Texts of the start-up check that have arrived; undefined when it is over. */
  #echoes: Set<string> | undefined = new Set();
  #onEcho: (() => void) | undefined;

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
    client.on('close', () => {
      this.#subscription = undefined;
      this.#onClosed?.();
    });
    // ioredis subscribes again by itself after a reconnect, but says so to nobody: do it ourselves and know when it is done.
    client.on('ready', () => void this.subscribe(environment.commandMs).catch(() => undefined));
  }

  /** undefined: nothing is heard now. */
  get subscription(): Subscription | undefined {
    return this.#subscription;
  }

  /** Resolves when grants can be heard. @throws what the connection or the server answers */
  subscribe(boundMs: number): Promise<void> {
    if (this.#subscription !== undefined || this.#stop.signal.aborted) return Promise.resolve();
    return (this.#subscribing ??= this.#subscribe(boundMs).finally(() => (this.#subscribing = undefined)));
  }

  async #subscribe(boundMs: number): Promise<void> {
    const { clock, channel } = this.environment;
    const { bounds } = this.#link;
    const endsAtMs = bounds.nowMs() + boundMs;
    await this.#link.ready(boundMs);
    const [info] = await bounds.within(endsAtMs - bounds.nowMs(), () =>
      // In this order, in one write: once it is subscribed, the connection takes no other command.
      Promise.all([readInfo(this.client).catch(() => undefined), this.client.subscribe(channel)]),
    );
    if (this.#stop.signal.aborted) return;
    this.#subscription = { sinceMs: clock.monotonicMs(), server: info && runIdOf(info) };
    this.events.resumed();
  }

  /** Does a text that was published on our channel arrive within `boundMs`? For the start-up check. */
  async hears(text: string, boundMs: number): Promise<boolean> {
    const echoes = this.#echoes ?? new Set();
    if (!echoes.has(text)) {
      const arrived = new AbortController();
      this.#onEcho = () => {
        if (echoes.has(text)) arrived.abort();
      };
      await pause(this.environment.clock, boundMs, arrived.signal);
    }
    this.#echoes = this.#onEcho = undefined;
    return echoes.has(text);
  }

  /**
   * The connection stands on another server than the commands: leaves it, and subscribes where the address leads to now. Resolves when
   * it is left.
   */
  move(): Promise<void> {
    this.#subscription = undefined;
    if (this.#stop.signal.aborted || this.client.status !== 'ready') return Promise.resolve();
    return new Promise((resolve) => {
      this.#onClosed = resolve;
      this.client.disconnect(true);
    });
  }

  /** Call it when somebody begins to wait. */
  keepAlive(): void {
    if (!this.#beating) void this.#beat();
  }

  async #beat(): Promise<void> {
    const { clock, commandMs, waiting } = this.environment;
    const { bounds } = this.#link;
    this.#beating = true;
    while (waiting() && !this.#stop.signal.aborted) {
      try {
        if (this.#subscription === undefined) await this.subscribe(commandMs);
        // SUBSCRIBE again is the one ping that every protocol version allows on a subscribed connection.
        else await bounds.within(commandMs, () => this.client.subscribe(this.environment.channel));
      } catch {
        void this.move();
      }
      await pause(clock, HEARTBEAT_MS, this.#stop.signal);
    }
    this.#beating = false;
  }

  /** From now on nobody grants to this process: a publisher sees no listener. Never rejects. */
  async leave(): Promise<void> {
    const { commandMs, channel } = this.environment;
    const { bounds } = this.#link;
    this.#stop.abort();
    if (this.#subscription === undefined) return;
    this.#subscription = undefined;
    await bounds.within(commandMs, () => this.client.unsubscribe(channel)).catch(() => undefined);
  }

  close(): void {
    this.#stop.abort();
    this.#link.close();
  }

  #hear(message: string): void {
    const ownerToken = message.slice(1, 23);
    switch (message.slice(0, 1)) {
      case 'G':
        this.events.granted({
          ownerToken,
          fence: message.slice(23, 39),
          lineage: message.slice(39, 55),
          grantedUs: Number(message.slice(55, 71)),
          leaseMs: Number(message.slice(71, 79)),
          stateKey: message.slice(79),
        });
        break;
      case 'L':
        this.events.forced(ownerToken, message.slice(23));
        break;
      case 'S':
        this.events.waitedFor(ownerToken);
        break;
      case 'W':
        this.events.woken(ownerToken);
        break;
      case 'P':
        this.#echoes?.add(message.slice(1));
        this.#onEcho?.();
        break;
      default: // of a later release: not for us
    }
  }
}
