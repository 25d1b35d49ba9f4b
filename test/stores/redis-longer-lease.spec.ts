import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../lib/testing/index.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const NAME = 'group:1';
const KEY = `lock:{${NAME}}`;

describe('a lease that was extended beyond its leaseMs, on a real Redis', () => {
  it('is given back at its release, so that the next caller of this process has the lease it asked for', async () => {
    const locks = await bench.manager({ leaseMs: 1_000 });
    const first = await locks.acquire(NAME);
    const second = locks.acquire(NAME);
    await first.extend(60_000);
    expect(await bench.raw.pttl(KEY)).toBeGreaterThan(50_000);
    await first.release();
    await second;
    expect(await bench.raw.pttl(KEY)).toBeLessThanOrEqual(1_000);
  });

  it('is tried to be given back for as long as the store keeps it, when its release gets no answer', async () => {
    const clock = new ManualClock();
    const meddled = new MeddledRedis(bench.url);
    const commandMs = 1_000;
    const locks = await bench.manager({ leaseMs: 1_000, clock }, { client: meddled.client, commandMs });
    const lease = await locks.acquire(NAME);
    await lease.extend(60_000);
    const lost = [meddled.holdBack('release'), meddled.holdBack('release')];
    const releasing = lease.release().catch((error: unknown) => error);
    for (const { held } of lost) {
      await held;
      await clock.advanceAsync(commandMs);
    }
    expect(await releasing).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    expect(await bench.raw.pttl(KEY)).toBeGreaterThan(50_000);
    await clock.advanceAsync(commandMs);
    await eventually(async () => String(await bench.raw.get(KEY)).startsWith('f'));
  });
});
