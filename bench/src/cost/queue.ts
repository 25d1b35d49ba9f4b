import { Redis } from 'ioredis';

import { type Place, role } from '../child/role.js';
import { openManager, Party } from './parties.js';
import { inPortions } from './process-costs.js';
import { ServerCosts } from './server-costs.js';

const ROUNDS = 5;
/** After all that are given out while we measure, and before them. */
const LATER = 4e15;
const EARLIER = 1;

export interface QueueFound {
  /** Inside release.lua, for one hand-off; the least of several. */
  readonly behindUs: number;
  readonly deadUs: number;
}

interface Params {
  readonly count: number;
}

/** A place as a process that crashed leaves it: nobody listens on its channel. See promote.lua. */
function deadPlace(index: number): string {
  return `${String(index).padStart(22, '0')}00030000lock:c:gone|`;
}

/** A queue of `count` places that nobody is behind: to be skipped when they come first, to be left alone when they come last. */
export const queue = role('cost: queue', async (place: Place, { count }: Params): Promise<QueueFound> => {
  const redis = new Redis(place.url);
  const holder = await openManager(place.url);
  const waiter = new Party(await openManager(place.url));
  await place.start();
  const indexes = Array.from({ length: count }, (_, index) => index);
  const handOffUs = async (name: string, score: number): Promise<number> => {
    const lease = await holder.acquire(name);
    const { granted } = await waiter.wait(name);
    await inPortions(indexes, (portion) =>
      redis.zadd(`lock:{${name}}:q`, ...portion.flatMap((index) => [score, deadPlace(index)])),
    );
    const { scriptUs } = await new ServerCosts(redis).during(async () => {
      await lease.release();
      await granted;
    });
    return scriptUs;
  };
  const behind: number[] = [];
  const dead: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    behind.push(await handOffUs(`behind:${round}`, LATER));
    dead.push(await handOffUs(`dead:${round}`, EARLIER));
  }
  return { behindUs: Math.min(...behind), deadUs: Math.min(...dead) };
});
