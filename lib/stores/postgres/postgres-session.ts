import { LockError } from '../../lock-errors.js';
import type { StoreContext } from '../lock-store.js';
import { Bounds } from '../mechanics/bounds.js';
import { Endings } from '../mechanics/endings.js';
import { StartUp } from '../mechanics/start-up.js';
import { CallFailure } from '../mechanics/tries.js';
import { TurnBatcher } from '../mechanics/turn-batcher.js';
import { type PostgresBatcher, PostgresCarrier } from './postgres-carrier.js';
import type { PostgresDriver } from './postgres-driver.js';
import { isSettingsRefused, storeError } from './postgres-errors.js';
import type { PostgresHold } from './postgres-hold.js';
import { PostgresLink } from './postgres-link.js';
import { type ListenerEvents, PostgresListener } from './postgres-listener.js';
import type { PostgresPlace } from './postgres-options.js';
import type { Opener } from './postgres-connections.js';
import { PostgresPool } from './postgres-pool.js';
import { PostgresRelease } from './postgres-release.js';
import { checkServer, helloOf } from './postgres-start.js';
import { PostgresSweep } from './postgres-sweep.js';

/** What a session needs of its store. */
export interface SessionHome extends Omit<ListenerEvents, 'unheard'> {
  holds(): Iterable<PostgresHold>;
}

/** Our connections to one server, and what was found out about it. */
export class PostgresSession {
  readonly link: PostgresLink;
  readonly batcher: PostgresBatcher;
  readonly endings: Endings<PostgresHold>;
  readonly sweep: PostgresSweep;
  readonly #bounds: Bounds;
  readonly #pool: PostgresPool;
  readonly #listener: PostgresListener;
  readonly #start: StartUp;
  readonly #address: string;
  /** The barrier after a loss outlasts a lease of so many ms. */
  #longestLeaseMs = 0;
  #isUsed = false;
  /** Does the server take settings when we connect? */
  #takesSettings = true;

  constructor(
    private readonly context: StoreContext,
    private readonly place: PostgresPlace,
    home: SessionHome,
  ) {
    const { clock, randomness } = context;
    const { driver, commandMs, schema, connections } = place;
    const bounds = (this.#bounds = new Bounds(clock));
    this.#address = driver.address;
    this.#pool = new PostgresPool(this.#opener(driver), {
      size: connections,
      clock,
      bounds,
      onArrived: () => this.#start.isDone && home.resumed(),
    });
    this.link = new PostgresLink(this.#pool, { clock, bounds, address: driver.address, schema });
    this.#listener = new PostgresListener(
      {
        clock,
        bounds,
        commandMs,
        open: this.#opener(place.listenDriver),
        enter: async (boundMs) =>
          Number((await this.link.call({ name: 'enter_v1', values: [], boundMs })).answer),
        notify: (channel, text, boundMs) => this.#notify(channel, text, boundMs),
        nonce: () => randomness.ownerToken(),
      },
      { ...home, unheard: () => this.#unheard() },
    );
    const carrier = new PostgresCarrier(this.link, (kind) =>
      kind === 'release' ? context.keepMs : this.#listener.process,
    );
    const batcher = (this.batcher = new TurnBatcher(carrier, clock, commandMs));
    this.sweep = new PostgresSweep({
      clock,
      link: this.link,
      commandMs,
      keepMs: context.keepMs,
      fraction: () => randomness.fraction(),
      holds: () => home.holds(),
      heldLong: () => this.listen(),
    });
    this.endings = new Endings<PostgresHold>({
      clock,
      commandMs,
      traffic: batcher,
      end: (hold, told) => {
        const release = new PostgresRelease(hold, told);
        batcher.send(release);
        this.sweep.left(hold.key);
        return release.outcome;
      },
    });
    this.#start = new StartUp(bounds, commandMs, (leftMs) => this.#prepare(leftMs));
  }

  get isReady(): boolean {
    return this.#start.isDone;
  }

  /**
   * Connected, checked and listening, within one `commandMs` for all of it. After a failure the next call tries again.
   *
   * @throws LockStoreError · LockUsageError when the package `pg` is missing
   */
  ready(): Promise<void> {
    return this.#start.done().catch((error: unknown) => {
      const given = error instanceof CallFailure ? error.error : error;
      throw given instanceof LockError ? given : storeError(given, this.#where);
    });
  }

  /** Somebody needs pushes. */
  listen(): void {
    if (this.place.push) this.#listener.needed();
  }

  /**
   * Resolves when pushes can be heard, or not yet: whoever waits polls meanwhile. For the start-up, so that its warnings come then; a lock
   * that is free does not wait for it. Never rejects.
   */
  async heard(): Promise<void> {
    this.#holdProcess(true); // for who waits for this
    await this.#bounds.within(this.place.commandMs, () => this.#listener.started).catch(() => undefined);
    this.#holdProcess(this.#isUsed);
  }

  keepProcessAlive(): void {
    if (this.#isUsed) return;
    this.#isUsed = true;
    this.#holdProcess(true);
  }

  #holdProcess(holds: boolean): void {
    this.#pool.keepAlive(holds);
    this.#listener.keepAlive(holds);
  }

  /** Resolves when the barrier after a loss outlasts such a lease: before it is granted, or a crash could forget it too early. */
  async roomFor(leaseMs: number): Promise<void> {
    if (leaseMs <= this.#longestLeaseMs) return;
    const { commandMs } = this.place;
    const { answer } = await this.link.call({
      name: 'raise_v1',
      values: [String(Math.ceil(leaseMs))],
      boundMs: commandMs,
    });
    this.#longestLeaseMs = Number(answer);
  }

  hasRoomFor(leaseMs: number): boolean {
    return leaseMs <= this.#longestLeaseMs;
  }

  /** Nobody grants to this process any more. Never rejects. */
  leave(): Promise<void> {
    this.keepProcessAlive();
    return this.#listener.leave();
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await this.endings.close();
    this.sweep.close();
    await this.#listener.close();
    await this.#pool.close();
    this.#bounds.close();
  }

  get #where(): string {
    return `PostgreSQL at ${this.#address}`;
  }

  async #prepare(leftMs: () => number): Promise<void> {
    this.#pool.keepAlive(true); // while the caller waits for this, the process stays alive
    try {
      const hello = await helloOf(this.link, this.place, leftMs);
      checkServer(hello, this.#where);
      this.#longestLeaseMs = hello.longest_lease_ms;
      if (this.place.push) this.#listener.start({ lockClass: hello.class, channel: hello.channel });
    } finally {
      if (!this.#isUsed) this.#pool.keepAlive(false);
    }
  }

  #unheard(): void {
    this.link.isPreparing = false;
    this.context.onWarning(
      `${this.#where} takes LISTEN, but no notice arrives: a pooler in transaction mode is between us; waiters get their locks by asking four times a ` +
        'second, not by push (give listenUrl, the URL of the server itself)',
    );
  }

  #notify(channel: string, text: string, boundMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const statement = () => ({
        text: 'SELECT pg_catalog.pg_notify($1::text, $2::text)',
        values: [channel, text],
      });
      this.#pool.run(statement, boundMs, (error) =>
        error === undefined ? resolve() : reject(error as Error),
      );
    });
  }

  #opener(driver: PostgresDriver): Opener {
    const connectMs = Math.max(this.place.commandMs, 1_000);
    return async (told) => {
      if (this.#takesSettings) {
        try {
          return await driver.connect({ settings: settingsFor(this.place.commandMs), connectMs, ...told });
        } catch (error) {
          if (!isSettingsRefused(error)) throw error;
          this.#takesSettings = false;
          this.link.isPreparing = false; // a pooler
        }
      }
      return driver.connect({ settings: {}, connectMs, ...told });
    };
  }
}

/**
 * What our sessions need, whatever is set for this user: time limits that are ours, the one isolation level that sees what was committed while it
 * waited for a row, and a connection that is found dead in seconds.
 */
function settingsFor(commandMs: number): Record<string, string> {
  return {
    default_transaction_isolation: 'read committed',
    default_transaction_read_only: 'off',
    statement_timeout: String(commandMs),
    lock_timeout: String(Math.ceil(commandMs / 2)), // says what it waited for, where statement_timeout does not
    idle_in_transaction_session_timeout: '0',
    idle_session_timeout: '0',
    tcp_keepalives_idle: '5',
    tcp_keepalives_interval: '2',
    tcp_keepalives_count: '3',
    tcp_user_timeout: '10000',
  };
}
