import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/** What a server has done for its clients. */
export interface Costs {
  /** Scripts that clients sent: all that our locks do. */
  readonly scripts: number;
  /** The same and the heartbeats of those who wait for pushes. */
  readonly commands: number;
  /** Microseconds inside the scripts, as the server measures them. */
  readonly scriptUs: number;
  /** Microseconds of processor time of the server in all: reading, parsing and answering too. */
  readonly cpuUs: number;
}

/** Until what was sent without waiting for an answer has been executed. */
const SETTLE_MS = 20;
const SCRIPTS = ['evalsha', 'eval'];
const HEARTBEATS = ['subscribe', 'unsubscribe'];

/**
 * Reads the server's own statistics. They count the commands inside scripts too, under names that our clients never send by
 * themselves; so only those are added up that come from clients.
 */
export class ServerCosts {
  constructor(readonly redis: Redis) {}

  async during(work: () => Promise<unknown>): Promise<Costs> {
    const before = await this.#read();
    await work();
    await sleep(SETTLE_MS);
    const after = await this.#read();
    return {
      scripts: after.scripts - before.scripts,
      commands: after.commands - before.commands,
      scriptUs: after.scriptUs - before.scriptUs,
      cpuUs: after.cpuUs - before.cpuUs,
    };
  }

  /** Bytes that the server uses for everything. */
  async usedMemory(): Promise<number> {
    return fieldOf(await this.redis.info('memory'), /^used_memory:(\d+)/m);
  }

  async #read(): Promise<Costs> {
    const [stats, cpu] = await Promise.all([this.redis.info('commandstats'), this.redis.info('cpu')]);
    const sum = (names: readonly string[], field: 'calls' | 'usec'): number =>
      names.reduce(
        (total, name) => total + fieldOf(stats, new RegExp(`^cmdstat_${name}:.*\\b${field}=(\\d+)`, 'm')),
        0,
      );
    const scripts = sum(SCRIPTS, 'calls');
    const cpuSeconds = fieldOf(cpu, /^used_cpu_user:([\d.]+)/m) + fieldOf(cpu, /^used_cpu_sys:([\d.]+)/m);
    return {
      scripts,
      commands: scripts + sum(HEARTBEATS, 'calls'),
      scriptUs: sum(SCRIPTS, 'usec'),
      cpuUs: cpuSeconds * 1e6,
    };
  }
}

/** 0: the server has nothing to say about it yet. */
function fieldOf(info: string, pattern: RegExp): number {
  return Number(pattern.exec(info)?.[1] ?? 0);
}
