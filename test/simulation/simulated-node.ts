import { LockManager } from '../../lib/lock-manager.js';
import { redisStore } from '../../lib/stores/redis/redis-store.js';
import type { Recorder } from './recorder.js';
import { SimulatedClient } from './simulated-client.js';
import type { SimulatedNetwork } from './simulated-network.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface NodeSettings {
  readonly keepMs: number;
  readonly drainMs: number;
  readonly commandMs: number;
  readonly cohortMs: number;
  readonly maxWaiters: number;
  readonly maxWaitingProcesses: number;
}

/** `disconnectTimeout` of ioredis, and a margin. */
const LEAVE_MS = 2_500;

/** One process with the real engine and the real Redis store in it; only its client and its clock are simulated. */
export class SimulatedNode {
  readonly locks: LockManager;
  /** Closed cleanly; undefined: still at work, or crashed. */
  closedAtMs: number | undefined;
  closingAtMs = Infinity;
  readonly #client: SimulatedClient;
  #closing: Promise<void> | undefined;

  constructor(
    readonly process: SimulatedProcess,
    network: SimulatedNetwork,
    private readonly place: { readonly recorder: Recorder; readonly settings: NodeSettings },
  ) {
    const { recorder, settings } = place;
    const { commandMs, keepMs, drainMs, cohortMs, maxWaiters, maxWaitingProcesses } = settings;
    this.#client = new SimulatedClient(process, network);
    const store = recorder.observed(process, redisStore({ client: this.#client, commandMs }));
    const { clock, randomness } = process;
    const options = { keepMs, drainMs, cohortMs, maxWaiters, maxWaitingProcesses };
    this.locks = new LockManager({ store, clock, randomness, prefix: 'sim', ...options });
    this.locks.on('warning', () => undefined);
    this.locks.on('waiting', (waiting) => recorder.joint.waits(process, waiting, this.locks));
  }

  /** Its sockets as the network sees them. */
  connections() {
    return this.#client.all.flatMap((client) => client.connection ?? []);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  get closing(): boolean {
    return this.#closing !== undefined;
  }

  async #close(): Promise<void> {
    const { process, place } = this;
    this.closingAtMs = process.nowMs;
    await this.locks.close();
    this.closedAtMs = process.nowMs;
    // What ended right now may still have a continuation to run. A timer that keeps the process alive is left for good; one that does
    // not, and a socket that takes its leave of the server, may have a moment more.
    process.later(1, () => {
      const foreground = [...process.timers]
        .filter(([, background]) => !background)
        .map(([{ atMs }]) => atMs);
      process.later(Math.max(LEAVE_MS, place.settings.commandMs), () => {
        const timers = [...process.timers.keys()].map(({ atMs }) => atMs);
        const sockets = this.#client.all.filter(({ status }) => !['wait', 'end'].includes(status));
        const leftovers = [
          ...new Set([...foreground, ...timers].map((atMs) => `a timer for ${Math.round(atMs)}`)),
          ...sockets.map(({ status }) => `a client that is ${status}`),
        ];
        place.recorder.record(process, { f: 'process', type: 'end', of: process.id, leftovers });
      });
    });
  }
}
