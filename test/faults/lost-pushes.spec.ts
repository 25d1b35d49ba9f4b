import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { FaultProxy } from '../../lib/testing/index.js';
import { startLockTaker } from '../support/lock-taker.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

describe('the connection on which grants are heard', () => {
  it('may be cut again while it subscribes again: the process lives, and still takes locks', async () => {
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: bench.server.port });
    bench.afterwards(proxy);
    // A process of its own: an unhandled rejection would end it.
    await using taker = await startLockTaker({ url: proxy.url });
    const subscribes = (request: Buffer) => /subscribe/i.test(request.toString());
    const cutAgain = proxy.arm({ fault: 'lose-reply', when: subscribes, times: 2 });
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await cutAgain;
    const lease = await taker.acquire('group:1');
    await expect(taker.release(lease)).resolves.toBe('released');
  });
});
