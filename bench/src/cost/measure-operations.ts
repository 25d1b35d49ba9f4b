import { performance } from 'node:perf_hooks';
import { Redis } from 'ioredis';
import { FaultProxy } from 'nestjs-distributed-lock/engine/testing';
import { median } from 'simple-statistics';

import type { BenchRedis } from '../run/redis-server.js';
import { type Operation, OPERATIONS } from './operations.js';
import { openParties, type Parties } from './parties.js';
import { type Costs, ServerCosts } from './server-costs.js';

/** As many as one command carries. */
const TOGETHER = 16;
const PER_ROUND = 96;
const WARM_UP_ROUNDS = 1;
const LINK_MS = 20;
const TRIPS = 7;

/** Of one operation, each a mean over a round. */
export interface OperationCost {
  readonly commands: number;
  readonly leastUs: number;
  readonly medianUs: number;
  /** Processor time of the server, all told. */
  readonly cpuUs: number;
}

export interface OperationRow {
  readonly operation: Operation;
  readonly alone: OperationCost;
  readonly together: OperationCost;
  readonly roundTrips: number;
}

export async function measureOperations(redis: BenchRedis, rounds: number): Promise<OperationRow[]> {
  const rows: OperationRow[] = [];
  const trips = await roundTrips(redis);
  for (const operation of OPERATIONS) {
    const alone = await costOf(redis, operation, { together: 1, rounds });
    const together = await costOf(redis, operation, { together: TOGETHER, rounds });
    rows.push({ operation, alone, together, roundTrips: trips.get(operation.id) ?? NaN });
  }
  return rows;
}

/** The parties are new for each operation: none inherits the holds and waiters of another. */
export async function costOf(
  redis: BenchRedis,
  operation: Operation,
  { together, rounds }: { together: number; rounds: number },
): Promise<OperationCost> {
  const observer = new Redis(redis.url);
  const found: Costs[] = [];
  try {
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      await observer.flushall();
      const parties = await openParties(redis.url);
      const cost = await costOfRound(new ServerCosts(observer), { operation, parties, together });
      if (round >= 0) found.push(cost);
      await parties.close();
    }
  } finally {
    observer.disconnect();
  }
  const perOperation = (key: keyof Costs): number[] => found.map((costs) => costs[key] / PER_ROUND);
  return {
    commands: median(perOperation('scripts')),
    leastUs: Math.min(...perOperation('scriptUs')),
    medianUs: median(perOperation('scriptUs')),
    cpuUs: Math.min(...perOperation('cpuUs')),
  };
}

async function costOfRound(
  costs: ServerCosts,
  { operation, parties, together }: { operation: Operation; parties: Parties; together: number },
): Promise<Costs> {
  const names = namesOf(operation, PER_ROUND);
  const act = await operation.prepare(parties, names);
  return costs.during(async () => {
    for (let from = 0; from < names.length; from += together)
      await Promise.all(names.slice(from, from + together).map(act));
  });
}

/** How long each takes over a slow link, in times of a PING over the same link. */
async function roundTrips(redis: BenchRedis): Promise<Map<string, number>> {
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: redis.port });
  const pinger = new Redis(proxy.url);
  const found = new Map<string, number>();
  const parties = await openParties(proxy.url);
  try {
    for (const operation of OPERATIONS) {
      proxy.delayUpMs = 0;
      proxy.delayDownMs = 0;
      const names = namesOf(operation, TRIPS);
      const act = await operation.prepare(parties, names);
      proxy.delayUpMs = LINK_MS / 2;
      proxy.delayDownMs = LINK_MS / 2;
      const takenMs: number[] = [];
      const pingsMs: number[] = [];
      for (const name of names) {
        pingsMs.push(await timeOf(() => pinger.ping()));
        takenMs.push(await timeOf(() => act(name)));
      }
      found.set(operation.id, median(takenMs) / median(pingsMs));
    }
  } finally {
    proxy.delayUpMs = 0;
    proxy.delayDownMs = 0;
    await parties.close();
    pinger.disconnect();
    await proxy.close();
  }
  return found;
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function namesOf({ id }: Operation, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `cost:${id}:${index}`);
}
