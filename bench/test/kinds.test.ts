import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { type KindId, KINDS, kindPairs } from '../src/cost/kinds/pairs-of-a-kind.js';
import { reentry } from '../src/cost/kinds/reentry.js';
import { judge } from '../src/cost/kinds/starvation.js';
import { runAlone } from '../src/run/measured-process.js';
import { type BenchRedis, startRedis } from '../src/run/redis-server.js';

let redis: BenchRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

const where = () => ({ adapter: 'ours', url: redis.url, boundMs: 60_000 }) as const;

/** Commands of an acquire and release: one at a time, and 16 at once, as many as one command carries. */
const COMMANDS: Partial<Record<KindId, [alone: number, together: number]>> = {
  exclusive: [2, 2 / 16],
  shared: [2, 2 / 16],
  upgradeable: [2, 2 / 16],
  permit: [2, 2 / 16],
  floor: [2, 2],
};

describe('the commands of a kind of lock', () => {
  for (const [kind, [alone, together]] of Object.entries(COMMANDS) as [KindId, [number, number]][]) {
    it(`${KINDS[kind].title}: ${alone}, of 16 at once ${together}`, async () => {
      for (const [loops, expected] of [
        [1, alone],
        [16, together],
      ] as const) {
        await redis.empty();
        const { commands } = await runAlone(kindPairs, { kind, loops, warmUp: 64, pairs: 64 }, where());
        assert.equal(commands, expected);
      }
    });
  }

  it('entered again: none, however deep', async () => {
    const found = await runAlone(reentry, {}, where());
    for (const { depth, commands, nsPerLevel } of found) {
      assert.equal(commands, 0, `${depth} levels`);
      assert.ok(nsPerLevel > 0);
    }
  });
});

describe('a wait in a crowd', () => {
  const ms = (...times: number[]): Float64Array => Float64Array.from(times, (time) => time * 1e6);
  const seen = (...waits: number[]) => ({ waits: ms(...waits), pingsNs: ms(1, 1, 9) });

  it('may last as long as the longest section that was open meanwhile, a slice and two round trips', () => {
    const crowds = [ms(0, 5, 40, 80), ms(2, 10, 100, 150)];
    const { waits, longest, boundOfLongest, above, roundTrip } = judge(seen(1, 20, 21, 22), crowds);
    assert.deepEqual([waits, longest, boundOfLongest, above, roundTrip], [2, 19, 8 + 10 + 2, 0, 1]);
  });

  it('that lasts longer is counted', () => {
    const { boundOfLongest, above } = judge(seen(1, 22, 60, 61), [ms(2, 10, 40, 80)]);
    assert.deepEqual([boundOfLongest, above], [20, 1]);
  });

  it('is told in sections of the crowd that began meanwhile, too', () => {
    const { sections } = judge(seen(1, 20, 41, 42), [ms(0, 5, 5, 9, 9, 30), ms(2, 10, 41.5, 50)]);
    assert.equal(sections, 3);
  });
});
