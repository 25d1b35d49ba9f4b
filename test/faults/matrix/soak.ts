import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Bounds,
  checkHistory,
  type HistoryMeasures,
  measureHistory,
} from '../../support/history/check-history.js';
import { Arena, LEASE_MS } from './arena.js';
import { CELLS } from './cells.js';
import { type CellRun, type FaultCell, inRow, keep } from './fault-cell.js';
import { AOF, serverCells } from './server-cells.js';
import type { WorkerPool } from './worker-pool.js';

export interface SoakRound {
  /** How often each fault struck. */
  readonly faults: ReadonlyMap<FaultCell, number>;
  readonly exclusive: boolean;
  readonly violations: CellRun['violations'];
  readonly measures: HistoryMeasures;
}

export interface SoakOptions {
  readonly seed: string;
  readonly roundMs: number;
  readonly pool: WorkerPool;
  /** The largest token of each name in earlier rounds. */
  readonly fencesBefore: ReadonlyMap<string, number>;
}

/** Six processes × eight callers × twenty locks. */
const WORKERS = 6;
const WORKLOAD = {
  names: Array.from({ length: 20 }, (_, n) => `group:${n}`),
  loops: 8,
  holdMs: 1,
  thinkMs: 1,
  long: 0.002,
  aborts: 0.05,
  extends: 0.02,
  forces: 0.0005,
  writes: 0.3,
};

const FAULTS = CELLS.filter(({ strike, missing }) => strike !== undefined && missing() === null);

/**
 * One round of the soak: a random fault every few seconds, sometimes two at once. Then everything heals, callers must get on,
 * everything is closed, and the history is judged. So a soak is judged while it goes on, and its tokens are remembered from round
 * to round.
 */
export async function soakRound(options: SoakOptions): Promise<SoakRound> {
  const { seed, pool, fencesBefore } = options;
  const redis = { args: AOF };
  const arena = await Arena.open({
    seed,
    pool,
    redis,
    rolledBack: true,
    workers: WORKERS,
    workload: WORKLOAD,
  });
  try {
    await arena.work();
    const faults = await strikeAtRandom(arena, options.roundMs);
    await heal(arena);
    arena.note({ f: 'healed' });
    await sleep(LEASE_MS * 2);
    const events = await arena.settle();
    const exclusive = [...faults.keys()].every((fault) => fault.exclusive);
    const bounds: Bounds = { exclusive, ordered: false, idleMs: LEASE_MS + 1_000, fencesBefore };
    const broken = checkHistory(events, bounds);
    const kept = broken.length === 0 ? [] : inRow([`the history is kept in ${keep('soak', events)}`]);
    return { faults, exclusive, violations: [...broken, ...kept], measures: measureHistory(events, bounds) };
  } finally {
    await arena.close();
  }
}

async function strikeAtRandom(arena: Arena, roundMs: number): Promise<ReadonlyMap<FaultCell, number>> {
  const { random } = arena;
  const counts = new Map<FaultCell, number>();
  // A fault that loses data makes a round in which M1 cannot be judged: keep most rounds free of them.
  const kinds = random.chance(0.3) ? FAULTS : FAULTS.filter(({ exclusive }) => exclusive);
  const endsAtMs = performance.now() + roundMs;
  while (performance.now() < endsAtMs) {
    await sleep(random.between(1_000, 5_000)); // the fault itself takes a second or two more
    const together = [random.pick(kinds)];
    const second = random.pick(kinds);
    if (random.chance(0.25) && canMeet(together[0]!, second)) together.push(second);
    for (const fault of together) counts.set(fault, (counts.get(fault) ?? 0) + 1);
    // One that is disturbed by another has struck all the same.
    await Promise.allSettled(together.map(async (fault) => fault.strike?.(arena)));
  }
  return counts;
}

/** A server cannot be killed twice at once. */
function canMeet(one: FaultCell, other: FaultCell): boolean {
  return one !== other && !(serverCells.includes(one) && serverCells.includes(other));
}

const AS_STARTED = { maxclients: '10000', maxmemory: '0', 'maxmemory-policy': 'noeviction' };

/** Whatever a fault may have left behind when it was disturbed by another one. */
async function heal({ server, proxies, raw }: Arena): Promise<void> {
  server.thaw();
  for (const proxy of proxies) {
    proxy.mode = 'pass';
    proxy.delayUpMs = proxy.delayDownMs = 0;
    proxy.disarm();
  }
  await raw.call('CLIENT', 'UNPAUSE');
  await raw.call('REPLICAOF', 'NO', 'ONE');
  await raw.call('ACL', 'SETUSER', 'default', '+@all');
  for (const [setting, value] of Object.entries(AS_STARTED)) await raw.config('SET', setting, value);
}
