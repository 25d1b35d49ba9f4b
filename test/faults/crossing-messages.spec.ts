import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

/** Two connections have no common order. Found by the model checker, see test/simulation/model. */
describe('messages that cross each other', () => {
  it('a poll that takes the lock again, just before its end by force is heard, does not hold it for nobody', async () => {
    const [holder, other] = [await bench.manager({ leaseMs: 60_000 }), await bench.manager()];
    const lease = await holder.acquire('group:1');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    const state = String(await bench.raw.get('lock:{group:1}'));
    const [token, channel] = [state.slice(49, 71), state.slice(71, state.indexOf('|'))];
    // The server has ended it by force, and then executed a poll that was on its way: it is the owner again when it hears of it.
    await bench.raw.publish(channel, `L${token}stuck since Monday`);
    await lost;
    expect(lease.signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'forced' });
    const next = await other.acquire('group:1', { waitMs: 5_000 });
    await next.release();
  });
});
