import { LockError } from '../../lock-errors.js';
import { pause } from '../../runtime/clock.js';
import type { StoreContext } from '../lock-store.js';
import { GrantChannel, type GrantChannelEvents } from './grant-channel.js';
import type { RedisClient, RedisServer } from './redis-client.js';
import { isReply, storeError } from './redis-errors.js';
import { processChannel } from './redis-keys.js';
import { RedisConnections } from './redis-connections.js';
import { type RedisBatcher, RedisCarrier } from './redis-carrier.js';
import { RedisRelease } from './redis-release.js';
import { TurnBatcher } from '../mechanics/turn-batcher.js';
import { StartUp } from '../mechanics/start-up.js';
import { Endings } from '../mechanics/endings.js';
import type { RedisHold } from './redis-hold.js';
import { RedisLink } from './redis-link.js';
import { probeScripts, probeServer, type ProbeTarget } from './redis-probe.js';
import { readInfo, runIdOf } from './server-info.js';

/** The subscription follows the commands at once, but not more often than this, and not for ever: the address may lead to several servers. */
const MOVE_PACE_MS = 1_000;
const MOST_MOVES = 10;

/** What a service or a proxy does that hides from the server who listens: the server would pass us over. */
const ELSEWHERE = 'does not count our subscription: something between us hides it';

/** Our two connections to one server, and what was found out about it. */
export class RedisSession {
  /** Carries the scripts. */
  readonly link: RedisLink;
  /** Acquisitions, yields and releases. */
  readonly batcher: RedisBatcher;
  readonly endings: Endings<RedisHold>;
  readonly connections = new RedisConnections();
  readonly #processId: string;
  readonly #channel: string;
  /** No grant can be pushed to us: said once. */
  #isUnpushed = false;
  readonly #grants: GrantChannel;
  readonly #client: RedisClient;
  readonly #closing = new AbortController();
  readonly #start: StartUp;
  /** The server was seen to count us: when it does not any more, we listen in the wrong place. */
  #isCounted = false;
  #isMoving = false;
  #movedAtMs = -Infinity;
  /** Since it was last seen to stand in the right place. */
  #moves = 0;
  /** Run id of the server of the commands, as far as we were told. */
  #server: string | undefined;

  constructor(
    private readonly context: StoreContext,
    private readonly server: RedisServer,
    private readonly events: GrantChannelEvents & { waiting(): boolean },
  ) {
    const { clock, prefix, randomness } = context;
    const { address, commandMs } = server;
    this.#processId = randomness.ownerToken();
    this.#channel = processChannel(prefix, this.#processId);
    this.#client = this.connections.add(server.create());
    this.#client.on('ready', () => void this.#arrived());
    this.link = new RedisLink(this.#client, clock, address);
    const carrier = new RedisCarrier(this.link);
    const batcher = (this.batcher = new TurnBatcher(carrier, clock, commandMs));
    const releases = { keepMs: context.keepMs, send: (release: RedisRelease) => batcher.send(release) };
    this.endings = new Endings<RedisHold>({
      clock,
      commandMs,
      traffic: batcher,
      end: (hold, told) => new RedisRelease(hold, releases, told).outcome,
    });
    this.#start = new StartUp(this.link.bounds, commandMs, (leftMs) =>
      this.connections
        .prepare(() => this.#prepare(leftMs))
        .catch((error: unknown) => {
          throw error instanceof LockError ? error : storeError(error, this.#place);
        }),
    );
    const environment = {
      clock,
      channel: this.#channel,
      address,
      commandMs,
      waiting: () => events.waiting(),
    };
    const heard = { ...events, resumed: () => this.#resumed() };
    this.#grants = new GrantChannel(this.connections.add(server.create()), environment, heard);
  }

  /** Where releases of other processes tell us about grants; the mark says that they cannot, and must keep a lock for our poll. */
  get channel(): string {
    return this.#isUnpushed ? `${this.#channel}!` : this.#channel;
  }

  get isReady(): boolean {
    return this.#start.isDone;
  }

  /**
   * Connected, checked and subscribed, within one `commandMs` for all of it. After a failure the next call tries again.
   *
   * @throws LockStoreError · LockUsageError LOCK_TOPOLOGY
   */
  ready(): Promise<void> {
    return this.#start.done();
  }

  get #place(): string {
    return `Redis at ${this.server.address}`;
  }

  async #prepare(leftMs: () => number): Promise<void> {
    const { prefix } = this.context;
    const { address } = this.server;
    const { bounds } = this.link;
    await this.link.ready(leftMs());
    const warn = (message: string) => this.context.onWarning(message);
    const where = { address, warn, prefix, processId: this.#processId };
    const target = { ...where, link: this.link, channel: this.#channel, client: this.#client };
    this.#server = await probeServer(target, leftMs());
    let unpushed = await this.#listenAndProbe(target, leftMs);
    if (unpushed === ELSEWHERE && this.#isElsewhere) {
      await bounds.within(leftMs(), () => this.#grants.move()); // the address led to another server a moment ago
      unpushed = await this.#listenAndProbe(target, leftMs);
    }
    if (unpushed !== undefined) this.#warnUnpushed(unpushed);
  }

  /** Why grants cannot be pushed to us; undefined: they can. @throws what else is wrong with the server */
  async #listenAndProbe(target: ProbeTarget, leftMs: () => number): Promise<string | undefined> {
    const refusal = await this.#subscribe(leftMs());
    const text = this.context.randomness.ownerToken();
    const listeners = await probeScripts(target, { text, boundMs: leftMs() });
    if (refusal !== undefined) return refusal;
    if (listeners < 0) return 'does not say who listens (grant +pubsub|numsub)';
    if (listeners === 0) return ELSEWHERE;
    this.#isCounted = await this.#grants.hears(text, leftMs());
    if (this.#isCounted) return undefined;
    void this.#grants.leave(); // or the server would go on granting to us
    return 'counts our subscription, but what is published does not arrive: something between us keeps it back';
  }

  #warnUnpushed(why: string): void {
    if (this.#isUnpushed) return;
    this.#isUnpushed = true;
    this.#isCounted = false;
    const how = 'waiters get their locks by asking four times a second, not by push';
    this.context.onWarning(`${this.#place} ${why}; ${how}`);
  }

  /** Why this server lets nobody listen; undefined: we do. @throws what else goes wrong */
  async #subscribe(boundMs: number): Promise<string | undefined> {
    try {
      await this.#grants.subscribe(boundMs);
      return undefined;
    } catch (error) {
      if (!isReply(error)) throw error;
      const refused = storeError(error, 'SUBSCRIBE');
      if (refused.code !== 'LOCK_STORE_UNSUPPORTED') throw error;
      void this.#grants.leave();
      return `lets nobody subscribe (${refused.message})`;
    }
  }

  /** A request that was sent then was answered «queued», where so many listened on our channel. */
  counted(listeners: number, sentAtMs: number): void {
    if (listeners > 0) {
      this.#isCounted = true;
      this.#moves = 0;
    }
    const since = this.#grants.subscription?.sinceMs ?? Infinity;
    if (listeners === 0 && this.#isCounted && since < sentAtMs) void this.#move();
  }

  /** The subscription stands on another server than the commands. */
  async #move(): Promise<void> {
    if (this.#isMoving) return;
    this.#isMoving = true;
    const { clock } = this.context;
    const stands = this.#grants.subscription;
    const waitMs = this.#movedAtMs + MOVE_PACE_MS - clock.monotonicMs();
    await pause(clock, Math.max(0, waitMs), this.#closing.signal);
    this.#isMoving = false;
    if (this.#closing.signal.aborted || this.#grants.subscription !== stands) return;
    this.#movedAtMs = clock.monotonicMs();
    this.#moves += 1;
    if (this.#moves <= MOST_MOVES) await this.#grants.move();
    else this.#warnUnpushed('leads to several servers, and our subscription never to that of our commands');
  }

  /** The commands have a connection anew, perhaps to another server than before, where those who waited must ask again. */
  async #arrived(): Promise<void> {
    if (!this.isReady) return;
    this.events.resumed();
    const { bounds } = this.link;
    const info = await bounds
      .within(this.server.commandMs, () => readInfo(this.#client))
      .catch(() => undefined);
    this.#server = info && runIdOf(info);
    if (this.#isElsewhere) void this.#move();
  }

  get #isElsewhere(): boolean {
    const here = this.#grants.subscription?.server;
    return this.#server !== undefined && here !== undefined && this.#server !== here;
  }

  /** We listen anew, perhaps at another server than before. */
  #resumed(): void {
    const here = this.#grants.subscription?.server;
    if (here !== undefined && here === this.#server) this.#moves = 0;
    else if (this.isReady && this.#isElsewhere) void this.#move();
    this.events.resumed();
  }

  /** Somebody begins to wait: from now on see to it that pushes arrive. */
  listen(): void {
    this.#grants.keepAlive();
  }

  /** Nobody grants to this process any more. Never rejects. */
  leave(): Promise<void> {
    this.connections.keepProcessAlive(); // a process that closes comes to the end of it, and to what its application closes after us
    return this.#grants.leave();
  }

  /** What the client puts before each key by itself. */
  get keyPrefix(): string {
    return this.#client.options?.keyPrefix ?? '';
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.endings.close();
    this.#grants.close();
    this.link.close();
  }
}
