import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const KEY = 'lock:{group:1}';
const DAY_US = 86_400_000_000;

/** The name, as it stands on the server, with a fencing token of tomorrow: the server's clock was a day ahead, and was set back. */
async function setBackADay(): Promise<number> {
  const state = (await bench.raw.get(KEY))!;
  const tomorrow = Number(state.slice(1, 17)) + DAY_US;
  await bench.raw.set(KEY, state[0]! + String(tomorrow) + state.slice(17), 'KEEPTTL');
  return tomorrow;
}

describe('a server whose clock was set back', () => {
  it('after a clean release: the next token is above the last one all the same', async () => {
    const locks = await bench.manager();
    await locks.using('group:1', () => undefined);
    const last = await setBackADay();
    const lease = await locks.acquire('group:1');
    expect(lease.fencingToken).toBeGreaterThan(last);
    const next = (await bench.manager()).acquire('group:1');
    await bench.queued('group:1');
    await lease.release();
    expect((await next).fencingToken).toBeGreaterThan(lease.fencingToken);
  });

  it('when a lock is taken by force: the next token is above all that its holder may have counted on unseen', async () => {
    const locks = await bench.manager();
    await locks.acquire('group:1');
    const known = await setBackADay();
    const other = await bench.manager();
    await other.forceRelease('group:1', 'stuck');
    // A local hand-off writes no token; one a microsecond, for a second at most (the longest cohortMs).
    expect((await other.acquire('group:1')).fencingToken).toBeGreaterThan(known + 1_000_000);
  });
});
