import { type Clock, pause } from '../../runtime/clock.js';
import type { Bounds } from '../mechanics/bounds.js';
import type { PostgresConnection } from './postgres-driver.js';
import { noticeOf, type PushedGrant } from './postgres-notice.js';
import { endWithin, holdProcess, openWithin, type Opener, type Told } from './postgres-connections.js';

export interface ListenerEvents {
  /** Does anybody here wait, or hold a lock for long? */
  needed(): boolean;
  granted(push: PushedGrant): void;
  /** The hold with this owner token was ended by force. */
  forced(ownerToken: string, reason: string): void;
  /** From now on grants can be heard, under a number that the server did not know before: who waits must ask again. */
  resumed(): void;
  /** Nothing that is sent arrives: something between us and the server keeps it back. Told once; no more is tried. */
  unheard(): void;
}

/** Whom a listener works for. */
export interface ListenerPlace {
  readonly clock: Clock;
  readonly bounds: Bounds;
  readonly commandMs: number;
  readonly open: Opener;
  /** The number of a process that begins to listen. */
  enter(boundMs: number): Promise<number>;
  /** Sends a text on a channel over a connection for commands: only what arrives then is heard of other processes too. */
  notify(channel: string, text: string, boundMs: number): Promise<void>;
  /** For the probe. */
  nonce(): string;
}

/** Of the lock schema, told by the server; `channel` stands before the number of a process. */
export interface ListenerAddress {
  readonly lockClass: number;
  readonly channel: string;
}

/** While somebody waits the connection is tried this often: a half-open one swallows grants and says nothing. */
const HEARTBEAT_MS = 5_000;
/** So long after the last need it listens on: a NOTIFY costs the server something for each session that listens. */
const IDLE_MS = 10_000;
const PROBE_MS = 1_000; // a notice takes milliseconds
const MOST_PROBES = 3;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 5_000;

/**
 * Where this process hears of its grants: one session of its own, which listens only while somebody needs it. Its advisory lock tells releases
 * of other processes that it is there; a session that ends has none. A push is a hint that saves time; whoever waits also polls.
 */
export class PostgresListener {
  /** The number under which we can be told; 0: nobody can tell us anything now. */
  process = 0;
  #connection: PostgresConnection | undefined;
  #address: ListenerAddress | undefined;
  #number = 0;
  #starting: Promise<void> | undefined;
  #isRunning = false;
  #isUseless = false;
  #silentProbes = 0;
  #keepsAlive = false;
  readonly #stop = new AbortController();
  /** Ends the pause of {@link #run}: something has happened. */
  #nap = new AbortController();
  #echo: { readonly text: string; arrived(): void } | undefined;

  constructor(
    private readonly place: ListenerPlace,
    private readonly events: ListenerEvents,
  ) {}

  /** Resolves when it was first found out whether grants can be heard. */
  started: Promise<void> = Promise.resolve();

  /** Where the server's notices come; then it listens for a moment, so that it is known whether that works. */
  start(address: ListenerAddress): void {
    this.#address = address;
    if (this.#isUseless || this.#stop.signal.aborted) return;
    // When it fails, it goes on trying.
    this.started = this.#begin(this.place.commandMs).catch(() => undefined);
    void this.started.then(() => this.needed());
  }

  /** Call it when somebody begins to need pushes. */
  needed(): void {
    if (this.#isRunning || this.#isUseless || this.#stop.signal.aborted || this.#address === undefined)
      return;
    this.#isRunning = true;
    void this.#run().finally(() => (this.#isRunning = false));
  }

  keepAlive(keeps: boolean): void {
    this.#keepsAlive = keeps;
    if (this.#connection !== undefined) holdProcess(this.#connection, keeps);
  }

  /** From now on nobody grants to this process. Never rejects. */
  async leave(): Promise<void> {
    this.#stop.abort();
    this.#nap.abort();
    await this.#silence();
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#nap.abort();
    const connection = this.#drop();
    if (connection !== undefined) await endWithin(this.place.bounds, connection);
  }

  async #run(): Promise<void> {
    const { clock, commandMs } = this.place;
    const { signal } = this.#stop;
    let retryMs = FIRST_RETRY_MS;
    let neededAtMs = clock.monotonicMs();
    while (!signal.aborted && !this.#isUseless) {
      if (this.events.needed()) neededAtMs = clock.monotonicMs();
      else if (clock.monotonicMs() - neededAtMs >= IDLE_MS) break;
      try {
        if (this.process === 0) await this.#begin(commandMs);
        else await this.#ask('SELECT 1', commandMs);
        retryMs = FIRST_RETRY_MS;
        await this.#rest(HEARTBEAT_MS);
      } catch {
        this.#drop()?.socket()?.destroy();
        await pause(clock, retryMs, signal);
        retryMs = Math.min(LONGEST_RETRY_MS, retryMs * 2);
      }
    }
    if (!signal.aborted) await this.#silence();
  }

  /** Unless the connection ends meanwhile. */
  #rest(restMs: number): Promise<void> {
    if (this.process === 0) return Promise.resolve();
    this.#nap = new AbortController();
    return pause(this.place.clock, restMs, this.#nap.signal);
  }

  #begin(boundMs: number): Promise<void> {
    return (this.#starting ??= this.#listen(boundMs).finally(() => (this.#starting = undefined)));
  }

  async #listen(boundMs: number): Promise<void> {
    if (this.process !== 0) return;
    const { bounds } = this.place;
    const { channel, lockClass } = this.#address!;
    const endsAtMs = bounds.nowMs() + boundMs;
    const leftMs = () => endsAtMs - bounds.nowMs();
    const connection = (this.#connection ??= await this.#connect(leftMs()));
    if (this.#number === 0) {
      this.#number = await this.place.enter(leftMs());
      await this.#ask(`LISTEN "${channel}${this.#number}"`, leftMs());
      await this.#ask(`LISTEN "${channel}forced"`, leftMs());
      if (!(await this.#hears(`${channel}${this.#number}`, leftMs()))) return this.#unheard(connection);
      this.#silentProbes = 0;
    }
    // Last: whoever sees this lock may count on us.
    await this.#ask(`SELECT pg_catalog.pg_advisory_lock(${lockClass}, ${this.#number})`, leftMs());
    if (this.#stop.signal.aborted || this.#connection !== connection) return;
    this.process = this.#number;
    this.events.resumed();
  }

  async #connect(boundMs: number): Promise<PostgresConnection> {
    let connection: PostgresConnection | undefined;
    let isEnded = false;
    const told: Told = {
      onEnd: () => {
        isEnded = true; // perhaps before it was ever ours
        if (connection !== undefined && this.#connection === connection) this.#drop();
      },
      onNotice: (channel, payload) => this.#hear(channel, payload),
    };
    connection = await openWithin(this.place, boundMs, told);
    if (isEnded) throw new Error('the connection was closed at once');
    if (this.#stop.signal.aborted) {
      void endWithin(this.place.bounds, connection);
      throw new Error('the connection is closed');
    }
    holdProcess(connection, this.#keepsAlive);
    return connection;
  }

  async #hears(channel: string, boundMs: number): Promise<boolean> {
    const { bounds } = this.place;
    const text = this.place.nonce();
    const arrived = new Promise<boolean>((resolve) => (this.#echo = { text, arrived: () => resolve(true) }));
    await this.place.notify(channel, `P ${text}`, boundMs);
    const waitMs = Math.min(PROBE_MS, boundMs);
    const heard = await bounds.within(waitMs, () => arrived).catch(() => false);
    this.#echo = undefined;
    return heard;
  }

  #unheard(connection: PostgresConnection): void {
    this.#drop();
    void endWithin(this.place.bounds, connection);
    this.#silentProbes += 1;
    // Once may be a fail-over: it listened at another server than the commands go to.
    if (this.#silentProbes < MOST_PROBES && this.#isRunning) throw new Error('nothing was heard');
    this.#isUseless = true;
    this.events.unheard();
  }

  /** The connection stays. */
  async #silence(): Promise<void> {
    this.process = 0;
    const number = this.#number;
    this.#number = 0;
    if (this.#connection === undefined || number === 0) return;
    const { commandMs } = this.place;
    try {
      // First, so that nobody grants to us any more; what was granted until then is still heard.
      await this.#ask(
        `SELECT pg_catalog.pg_advisory_unlock(${this.#address!.lockClass}, ${number})`,
        commandMs,
      );
      await this.#ask('UNLISTEN *', commandMs);
    } catch {
      this.#drop()?.socket()?.destroy();
    }
  }

  #drop(): PostgresConnection | undefined {
    const connection = this.#connection;
    this.#connection = undefined;
    this.process = 0;
    this.#number = 0;
    this.#nap.abort();
    if (connection !== undefined && !this.#stop.signal.aborted && this.events.needed()) this.needed();
    return connection;
  }

  async #ask(text: string, boundMs: number): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) throw new Error('the connection is gone');
    await this.place.bounds.within(boundMs, () => connection.query({ text }));
  }

  #hear(channel: string, payload: string): void {
    const notice = noticeOf(payload);
    if (notice?.kind === 'granted') this.events.granted(notice);
    else if (notice?.kind === 'forced' && channel.endsWith('forced'))
      this.events.forced(notice.ownerToken, notice.reason);
    else if (notice?.kind === 'probe' && notice.text === this.#echo?.text) this.#echo.arrived();
  }
}
