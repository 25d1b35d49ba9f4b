import { Redis } from 'ioredis';

import { role } from '../child/role.js';
import { SectionWitness } from '../child/section-witness.js';
import { openManager, Party } from './parties.js';
import {
  type Idle,
  idleFor,
  inPortions,
  type PerAcquisition,
  perAcquisition,
  perPortion,
} from './process-costs.js';
import { ServerCosts } from './server-costs.js';
import { IDLE_MS } from './waiters.js';

const AT_A_TIME = 50;
/** A wait ends by its grant, however long that takes. */
const WAIT_MS = 600_000;

export interface ProcessesFound {
  readonly toWait: PerAcquisition;
  readonly queueBytesPerProcess: number;
  readonly idle: Idle;
  readonly served: PerAcquisition;
}

/** `count` processes (managers with connections of their own) wait for one name, each once; then all are served in turn. */
export const processes = role(
  'cost: processes',
  async (place, { count }: { count: number }): Promise<ProcessesFound> => {
    const redis = new Redis(place.url);
    const costs = new ServerCosts(redis);
    const holder = await openManager(place.url);
    const parties: Party[] = [];
    const open = async (): Promise<void> => {
      parties.push(new Party(await openManager(place.url, { waitMs: WAIT_MS })));
    };
    await inPortions(Array.from({ length: count }), (portion) => Promise.all(portion.map(open)), AT_A_TIME);
    await place.start();
    const lease = await holder.acquire('passed');
    const witness = new SectionWitness();
    const served: Promise<void>[] = [];
    const toWait = await perPortion(costs, parties, async (party) => {
      const { granted } = await party.wait('passed');
      served.push(granted.then((mine) => mine.using(() => witness.section(() => Promise.resolve()))));
    });
    const queueBytes = Number(await redis.memory('USAGE', 'lock:{passed}:q', 'SAMPLES', 0));
    const idle = await idleFor(IDLE_MS, costs);
    const perServed = await perAcquisition(costs, count, async () => {
      await lease.release();
      await Promise.all(served);
    });
    witness.check();
    return { toWait, queueBytesPerProcess: queueBytes / count, idle, served: perServed };
  },
);
