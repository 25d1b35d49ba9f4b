// Takes and gives back locks, many at once, on names that come again: how much of what a pair makes grows old? Prints two marks on
// stdout, between which the pairs are counted; run with --trace-gc-nvp, whose lines come between them.
//
// Arguments: a Redis URL · how many at once · how many pairs before the first mark · how many between the two
import { LockManager, redisStore } from '../../lib/index.js';

const [url = '', atOnce = '64', warmUp = '20000', counted = '60000'] = process.argv.slice(2);
const locks = new LockManager({ store: redisStore({ url }) });

async function pairs(count: number): Promise<void> {
  const each = Math.ceil(count / Number(atOnce));
  const caller = async (_: unknown, who: number) => {
    for (let pair = 0; pair < each; pair++) await locks.using(`${who}:${pair % 1_024}`, () => undefined);
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, caller));
}

await pairs(Number(warmUp));
process.stdout.write('begin\n');
await pairs(Number(counted));
process.stdout.write('end\n');
await locks.close();
