import { Redis } from 'ioredis';

import { role } from '../child/role.js';
import { SectionWitness } from '../child/section-witness.js';
import { openManager, Party } from './parties.js';
import { heapUsed, type Idle, idleFor, type PerAcquisition, perAcquisition } from './process-costs.js';
import { type Costs, ServerCosts } from './server-costs.js';

/** A poll and a heartbeat of those who wait come every 5 s. */
export const IDLE_MS = 5_000;
const MANY = 1_000_000;

export interface WaitersFound {
  readonly toWait: Costs;
  readonly bytesPerWaiter: number;
  readonly idle: Idle;
  readonly served: PerAcquisition;
}

/** One process waits `count` times for one name that another one holds; then all are served. */
export const waiters = role(
  'cost: waiters',
  async (place, { count }: { count: number }): Promise<WaitersFound> => {
    const costs = new ServerCosts(new Redis(place.url));
    const holder = await openManager(place.url);
    const locks = await openManager(place.url, { maxWaiters: MANY });
    await place.start();
    await Promise.all(Array.from({ length: 50 }, () => locks.using('hot', async () => {})));
    const lease = await holder.acquire('hot');
    const witness = new SectionWitness();
    const work = (): Promise<void> => witness.section(() => Promise.resolve());

    const heapBefore = await heapUsed();
    const served: Promise<void>[] = [];
    const toWait = await costs.during(async () => {
      const { granted } = await new Party(locks).wait('hot');
      served.push(granted.then((first) => first.using(work)));
      while (served.length < count) served.push(locks.using('hot', work));
    });
    const bytesPerWaiter = ((await heapUsed()) - heapBefore) / count;
    const idle = await idleFor(IDLE_MS, costs);
    const perServed = await perAcquisition(costs, count, async () => {
      await lease.release();
      await Promise.all(served);
    });
    witness.check();
    return { toWait, bytesPerWaiter, idle, served: perServed };
  },
);
