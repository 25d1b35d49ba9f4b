import type { Role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import type { BenchRedis } from '../run/redis-server.js';
import type { LeasesFound } from './leases.js';
import type { ProcessesFound } from './processes.js';
import type { QueueFound } from './queue.js';
import { leases, processes, queue, waitedNames, waiters } from './roles.js';
import type { WaitedNamesFound } from './waited-names.js';
import type { WaitersFound } from './waiters.js';

const BOUND_MS = 60_000;
const SIZES = [10, 100, 1_000, 10_000];
/** Each has two connections: 10 000 would be more sockets than a machine's usual bounds allow. */
const PROCESS_SIZES = [10, 100, 1_000];

export type BySize<T> = readonly { readonly count: number; readonly found: T }[];

export interface Growth {
  readonly waiters: BySize<WaitersFound>;
  readonly processes: BySize<ProcessesFound>;
  readonly queue: BySize<QueueFound>;
  readonly leases: BySize<LeasesFound>;
  readonly waitedNames: BySize<WaitedNamesFound>;
}

type Progress = (what: string) => void;

/** Each size in a new process, on an emptied server. */
async function bySize<T>(
  role: Role<{ count: number }, T>,
  sizes: readonly number[],
  { redis, progress }: { redis: BenchRedis; progress: Progress },
): Promise<BySize<T>> {
  const rows: { count: number; found: T }[] = [];
  for (const count of sizes) {
    await redis.empty();
    const options = {
      adapter: 'ours',
      url: redis.url,
      boundMs: BOUND_MS,
      nodeFlags: ['--expose-gc'],
    } as const;
    rows.push({ count, found: await runAlone(role, { count }, options) });
    progress(`${role.name}, ${count}`);
  }
  return rows;
}

export async function measureGrowth(redis: BenchRedis, progress: Progress): Promise<Growth> {
  const where = { redis, progress };
  return {
    waiters: await bySize(waiters, SIZES, where),
    processes: await bySize(processes, PROCESS_SIZES, where),
    queue: await bySize(queue, SIZES, where),
    leases: await bySize(leases, SIZES, where),
    waitedNames: await bySize(waitedNames, SIZES, where),
  };
}
