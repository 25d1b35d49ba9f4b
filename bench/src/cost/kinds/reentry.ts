import { nowNs } from '../../child/clock.js';
import { role } from '../../child/role.js';
import { openManager } from '../parties.js';

const DEPTHS = [1, 10, 100];
/** Levels that are entered for one figure, and before it. */
const LEVELS = 100_000;
const WARM_UP = 20_000;

export interface ReentryCost {
  readonly depth: number;
  readonly nsPerLevel: number;
  /** Of the same calls one in the other, without a lock. */
  readonly plainNsPerLevel: number;
  readonly commands: number;
}

type Enter = (work: () => Promise<void>) => Promise<void>;

async function nested(enter: Enter, levels: number): Promise<void> {
  if (levels > 0) await enter(() => nested(enter, levels - 1));
}

async function nsPerLevel(enter: Enter, depth: number): Promise<number> {
  for (let done = 0; done < WARM_UP; done += depth) await nested(enter, depth);
  const startNs = nowNs();
  for (let done = 0; done < LEVELS; done += depth) await nested(enter, depth);
  return (nowNs() - startNs) / LEVELS;
}

/** A name entered again from inside of its lock, once or level by level. */
export const reentry = role('cost: re-entry', async (place, _params: object): Promise<ReentryCost[]> => {
  place.sent.begin();
  const locks = await openManager(place.url);
  await place.start();
  const found: ReentryCost[] = [];
  await locks.using('again', async () => {
    for (const depth of DEPTHS) {
      const sentBefore = place.sent.count;
      const again = await nsPerLevel((work) => locks.using('again', work), depth);
      const commands = place.sent.count - sentBefore;
      const plain = await nsPerLevel(async (work) => work(), depth);
      found.push({ depth, nsPerLevel: again, plainNsPerLevel: plain, commands });
    }
  });
  return found;
});
