import { Redis } from 'ioredis';
import type { Lease } from 'nestjs-distributed-lock/engine';

import { role } from '../child/role.js';
import { openManager, Party } from './parties.js';
import {
  heapUsed,
  type Idle,
  idleFor,
  inPortions,
  type PerAcquisition,
  perPortion,
} from './process-costs.js';
import { ServerCosts } from './server-costs.js';
import { IDLE_MS } from './waiters.js';

export interface WaitedNamesFound {
  readonly toWait: PerAcquisition;
  readonly heapBytes: number;
  readonly idle: Idle;
  readonly served: PerAcquisition;
}

/** One process waits for `count` names, all held by another one; then each is passed on. */
export const waitedNames = role(
  'cost: waited names',
  async (place, { count }: { count: number }): Promise<WaitedNamesFound> => {
    const costs = new ServerCosts(new Redis(place.url));
    const holder = await openManager(place.url);
    const waiter = new Party(await openManager(place.url));
    await place.start();
    const names = Array.from({ length: count }, (_, index) => `waited:${index}`);
    const held: Lease[] = [];
    const hold = async (name: string): Promise<void> => void held.push(await holder.acquire(name));
    await inPortions(names, (portion) => Promise.all(portion.map(hold)));
    const heapBefore = await heapUsed();
    const served = new Map<string, Promise<unknown>>();
    const toWait = await perPortion(costs, names, async (name) => {
      const { granted } = await waiter.wait(name);
      served.set(
        name,
        granted.then((lease) => lease.release()),
      );
    });
    const heapBytes = ((await heapUsed()) - heapBefore) / count;
    const idle = await idleFor(IDLE_MS, costs);
    const perServed = await perPortion(costs, held, async (lease) => {
      await lease.release();
      await served.get(lease.name);
    });
    return { toWait, heapBytes, idle, served: perServed };
  },
);
