import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { FaultProxy } from '../../../lib/testing/index.js';
import { type Happening, type HistoryEvent, mergeHistories } from '../../support/history/check-history.js';
import { Seeded } from '../../support/seeded.js';
import { type RedisOptions, type RedisServer, startRedis } from '../../support/start-redis.js';
import { onStall, sharedNowMs } from './beat.js';
import type { MovableClock } from './clock-shim.js';
import { FencedResource } from './fenced-resource.js';
import { leftoverKeys, readHistory } from './left-behind.js';
import type { Worker } from './worker.js';
import type { WorkerPool } from './worker-pool.js';
import { usualWorkload, type Workload } from './workload.js';

export interface ArenaOptions {
  readonly seed: string;
  readonly pool: WorkerPool;
  /** Of the server that the faults strike. */
  readonly redis?: RedisOptions;
  readonly workers?: number;
  readonly workerEnv?: Readonly<Record<string, string>>;
  readonly workload?: Partial<Workload>;
  readonly leaseMs?: number;
  readonly waitMs?: number;
  readonly commandMs?: number;
  /** How much longer than usual a key may live, because the server's clock is set back. */
  readonly keysMs?: number;
  /** Does the server go back to an older state? Then waiters of that time stand in its queues. */
  readonly rolledBack?: boolean;
  /** The wall clock that the fault moves. */
  readonly clock?: MovableClock;
}

export const LEASE_MS = 800;
const WAIT_MS = 2_500;
export const COMMAND_MS = 200;
export const KEEP_MS = 300;
export const PREFIX = 'lock';

/** A gate stays so much longer than the last lease. */
const GATE_MS = 1_000;

/** One process after the other, behind one proxy. */
interface Seat {
  readonly proxy: FaultProxy;
  worker: Worker | undefined;
  /** The name of the present process in the history. */
  p: string;
}

/** Several worker processes, each behind a proxy of its own, at one Redis that can be hurt; and a fenced resource that cannot. */
export class Arena {
  readonly random: Seeded;
  readonly leaseMs: number;
  readonly #seats: Seat[] = [];
  /** Where new connections of all proxies lead. */
  readonly #address: { readonly host: string; port: number };
  readonly #folder = mkdtempSync(join(tmpdir(), 'test-history-'));
  readonly #observed: HistoryEvent[] = [];
  /** All processes that ever sat here. */
  readonly #processes: string[] = [];
  readonly #workload: Workload;
  #settled = false;
  #crashed = false;
  /** The proxies live in this process: when it stands still, nothing goes through. */
  readonly #endBeat = onStall(sharedNowMs, (fromMs, untilMs) => {
    this.note({ f: 'process', type: 'pause', of: 'proxies' }, fromMs);
    this.note({ f: 'process', type: 'resume', of: 'proxies' }, untilMs);
  });

  private constructor(
    private readonly options: ArenaOptions,
    /** The server that the faults strike. */
    readonly server: RedisServer,
    /** A client of it that knows nothing of locks. */
    readonly raw: Redis,
    private readonly resourceServer: RedisServer,
    private readonly resource: FencedResource,
  ) {
    this.random = new Seeded(options.seed);
    this.leaseMs = options.leaseMs ?? LEASE_MS;
    this.#address = { host: '127.0.0.1', port: server.port };
    const { seed, waitMs = WAIT_MS } = options;
    this.#workload = { ...usualWorkload(LEASE_MS), ...options.workload, seed, waitMs };
  }

  static async open(options: ArenaOptions): Promise<Arena> {
    const [server, resourceServer] = await Promise.all([startRedis(options.redis), startRedis()]);
    const raw = new Redis(server.url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
    raw.on('error', () => undefined);
    const resource = new FencedResource(resourceServer.url);
    const arena = new Arena(options, server, raw, resourceServer, resource);
    try {
      await Promise.all([raw.ping(), resource.ready()]);
      const count = options.workers ?? 3;
      for (let n = 0; n < count; n++) {
        const proxy = await FaultProxy.listen(arena.#address);
        arena.#seats.push({ proxy, worker: undefined, p: '' });
      }
      await Promise.all(arena.#seats.map((_, n) => arena.#enter(n)));
      return arena;
    } catch (error) {
      await arena.close();
      throw error;
    }
  }

  get clock(): MovableClock | undefined {
    return this.options.clock;
  }

  get names(): readonly string[] {
    const { names, documents, doors } = this.#workload;
    return [...names, ...documents, ...doors];
  }

  get proxies(): readonly FaultProxy[] {
    return this.#seats.map(({ proxy }) => proxy);
  }

  /** From now on the address leads there; live connections stay where they are. */
  leadTo(port: number): void {
    this.#address.port = port;
  }

  /** The callers of all processes begin. */
  async work(): Promise<void> {
    await Promise.all(this.#seats.map((_, n) => this.#work(n)));
  }

  /** A process of its own stands still, for whatever reason: SIGSTOP. */
  async freeze(n: number, ms: number): Promise<void> {
    const { p: of, worker } = this.#seat(n);
    this.note({ f: 'process', type: 'pause', of });
    worker?.signal('SIGSTOP');
    await sleep(ms);
    worker?.signal('SIGCONT');
    this.note({ f: 'process', type: 'resume', of });
  }

  /** Its own code keeps its event loop busy. */
  async block(n: number, ms: number): Promise<void> {
    await this.#seat(n).worker?.ask({ verb: 'block', ms });
  }

  /** SIGKILL, frozen or not. */
  async kill(n: number): Promise<void> {
    const seat = this.#seat(n);
    const { worker, p: of } = seat;
    seat.worker = undefined;
    this.#crashed = true;
    await worker?.kill();
    this.note({ f: 'process', type: 'crash', of });
  }

  /** Another process takes the place of one that was killed. */
  async replace(n: number): Promise<void> {
    await this.#enter(n);
    await this.#work(n);
  }

  /** What the observer does and sees. */
  note(happening: Happening, atMs = sharedNowMs()): void {
    const stamp = { p: 'observer', seq: this.#observed.length, atMs };
    this.#observed.push(Object.assign(stamp, happening));
  }

  /** Callers finish and everything is closed; then what is left over in the store and in the resource is noted. */
  async settle(options: { readonly abrupt?: boolean } = {}): Promise<HistoryEvent[]> {
    const workers = this.#seats.map(({ worker }) => worker).filter((worker) => worker !== undefined);
    if (options.abrupt !== true) await Promise.all(workers.map((worker) => worker.ask({ verb: 'rest' })));
    await Promise.all(workers.map((worker) => worker.ask({ verb: 'close' })));
    const { server, raw, names, leaseMs } = this;
    const boundMs = leaseMs + GATE_MS + KEEP_MS + 500 + (this.options.keysMs ?? 0);
    const left = await leftoverKeys({
      url: server.url,
      raw,
      names,
      prefix: PREFIX,
      boundMs,
      ghosts: this.#crashed || this.options.rolledBack === true,
    });
    this.note({ f: 'keys', left });
    for (const name of this.names) {
      const held = await this.resource.read(name);
      if (held !== undefined) this.note({ f: 'resource', name, ...held });
    }
    this.#settled = true;
    return this.history();
  }

  /** What has been written down so far, by everybody. */
  history(): HistoryEvent[] {
    const files = this.#processes.map((p) => readHistory(this.#fileOf(p)));
    return mergeHistories(...files, this.#observed);
  }

  async close(): Promise<void> {
    const { pool, workerEnv } = this.options;
    for (const { worker } of this.#seats) {
      // One that was left in the middle of something is of no further use.
      if (this.#settled && worker !== undefined) pool.give(worker, workerEnv);
      else await worker?.kill();
    }
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    this.#endBeat();
    this.raw.disconnect();
    this.resource.close();
    await Promise.all([this.server.stop(), this.resourceServer.stop()]);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #seat(n: number): Seat {
    const seat = this.#seats[n];
    if (seat === undefined) throw new RangeError(`there is no worker ${n}`);
    return seat;
  }

  async #enter(n: number): Promise<void> {
    const { pool, workerEnv, commandMs = COMMAND_MS } = this.options;
    const seat = this.#seat(n);
    const p = `${'abcdefgh'[n]}${this.#processes.length}`;
    this.#processes.push(p);
    seat.p = p;
    seat.worker = await pool.take(workerEnv);
    const { leaseMs } = this;
    const { waitMs } = this.#workload;
    const cohortMs = this.random.pick([0, 3, 10, 10]); // hand-offs through the store, and inside a process
    const manager = { prefix: PREFIX, leaseMs, waitMs, keepMs: KEEP_MS, drainMs: 0, cohortMs };
    const { url } = seat.proxy;
    const resourceUrl = this.resourceServer.url;
    const options = { p, url, resourceUrl, file: this.#fileOf(p), manager, commandMs };
    await seat.worker.ask({ verb: 'open', options });
  }

  async #work(n: number): Promise<void> {
    const workload = { ...this.#workload, seed: `${this.#workload.seed}/${n}` };
    await this.#seat(n).worker?.ask({ verb: 'work', workload });
  }

  #fileOf(p: string): string {
    return join(this.#folder, `${p}.jsonl`);
  }
}
