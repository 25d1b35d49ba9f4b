import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Lease } from 'nestjs-distributed-lock/engine';

import { role } from '../child/role.js';
import { openManager } from './parties.js';
import {
  heapUsed,
  type Idle,
  idleFor,
  inPortions,
  type PerAcquisition,
  perAcquisition,
  perPortion,
} from './process-costs.js';
import { ServerCosts } from './server-costs.js';

const IDLE_MS = 1_500;
/** Renewed every third of it. */
const LEASE_MS = 4_500;
const INTERVAL_MS = LEASE_MS / 3;
const INTERVALS = 2;

export interface LeasesFound {
  readonly acquired: PerAcquisition;
  readonly released: PerAcquisition;
  readonly redisBytesHeld: number;
  /** The trace of a clean release, for `keepMs`. */
  readonly redisBytesFree: number;
  readonly heapBytes: number;
  readonly idle: Idle;
  readonly renewed: Renewed;
}

export interface Renewed {
  readonly commandsPerInterval: number;
  /** Inside renew.lua. */
  readonly serverUsPerLease: number;
  readonly processUsPerLease: number;
}

const namesOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `held:${index}`);

async function renewals(url: string, count: number, costs: ServerCosts): Promise<Renewed> {
  const locks = await openManager(url, { leaseMs: LEASE_MS });
  await inPortions(namesOf(count), (names) => Promise.all(names.map((name) => locks.acquire(name))));
  await sleep(INTERVAL_MS); // as acquired together, so renewed together: not counted
  const found = await perAcquisition(costs, count * INTERVALS, () => sleep(INTERVALS * INTERVAL_MS));
  if (locks.held().some(({ state }) => state !== 'held')) throw new Error('a lease was lost meanwhile');
  await locks.close();
  return {
    commandsPerInterval: found.commands * count,
    serverUsPerLease: found.serverUs,
    processUsPerLease: found.processUs,
  };
}

/** One process holds `count` names. */
export const leases = role(
  'cost: leases',
  async (place, { count }: { count: number }): Promise<LeasesFound> => {
    const costs = new ServerCosts(new Redis(place.url));
    const locks = await openManager(place.url);
    await place.start();
    for (let index = 0; index < 100; index++) await locks.using(`warm-up:${index}`, async () => {});
    const names = namesOf(count);
    const held: Lease[] = [];
    const heapBefore = await heapUsed();
    const redisBefore = await costs.usedMemory();
    const acquired = await perPortion(costs, names, async (name) => held.push(await locks.acquire(name)));
    const redisHeld = await costs.usedMemory();
    const heapHeld = await heapUsed();
    const idle = await idleFor(IDLE_MS, costs);
    const released = await perPortion(costs, held, (lease) => lease.release());
    const redisFree = await costs.usedMemory();
    return {
      acquired,
      released,
      redisBytesHeld: (redisHeld - redisBefore) / count,
      redisBytesFree: (redisFree - redisBefore) / count,
      heapBytes: (heapHeld - heapBefore) / count,
      idle,
      renewed: await renewals(place.url, count, costs),
    };
  },
);
