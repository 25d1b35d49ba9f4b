import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

import { startLockTaker, type LockTaker } from './lock-taker.js';
import { startRedis, type RedisServer } from './start-redis.js';

describe('startLockTaker', () => {
  let server: RedisServer;
  const takers: LockTaker[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });

  afterEach(async () => {
    await Promise.all(takers.splice(0).map((taker) => taker.stop()));
  });

  afterAll(async () => {
    await server.stop();
  });

  async function start(): Promise<LockTaker> {
    const taker = await startLockTaker({ url: server.url, manager: { leaseMs: 1_000, waitMs: Infinity } });
    takers.push(taker);
    return taker;
  }

  it('takes and releases a lock in a process of its own, and tells its errors with their codes', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(new Set([process.pid, first.pid, second.pid]).size).toBe(3);
    const lease = await first.acquire('errors');
    await expect(second.tryAcquire('errors')).resolves.toBeNull();
    await expect(second.acquire('errors', { waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    await expect(second.acquire('')).rejects.toMatchObject({ code: 'LOCK_NAME_INVALID' });
    await expect(first.release(lease)).resolves.toBe('released');
    const next = await second.tryAcquire('errors');
    expect(next!.fencingToken).toBeGreaterThan(lease.fencingToken);
  });

  it('reports a lease, and lets it be extended', async () => {
    const taker = await start();
    const lease = await taker.acquire('report');
    const before = await taker.report(lease);
    expect(before).toMatchObject({ state: 'held', aborted: false, cause: null });
    expect(before.fencingToken).toBe(lease.fencingToken);
    await taker.extend(lease, 60_000);
    expect((await taker.report(lease)).remainingMs).toBeGreaterThan(50_000);
    await taker.release(lease);
    expect((await taker.report(lease)).state).toBe('released');
  });

  it('tells when it waits, so that a test need not guess', async () => {
    const [holder, waiter] = await Promise.all([start(), start()]);
    const lease = await holder.acquire('line');
    const granted = waiter.acquire('line');
    await waiter.saw('waiting', 'line');
    await holder.release(lease);
    expect((await granted).fencingToken).toBeGreaterThan(lease.fencingToken);
  });

  it('can be frozen past its lease and reports the loss when it wakes', async () => {
    const [holder, waiter] = await Promise.all([start(), start()]);
    const stale = await holder.acquire('frozen');
    holder.freeze();
    const fresh = await waiter.acquire('frozen');
    holder.thaw();
    expect(await holder.report(stale)).toMatchObject({ state: 'lost', aborted: true });
    const { fencingToken } = await holder.saw('aborted', 'frozen');
    expect(fencingToken).toBeLessThan(fresh.fencingToken);
  });

  it('can be killed while it holds, and every open question to it is rejected', async () => {
    const [holder, waiter] = await Promise.all([start(), start()]);
    await holder.acquire('killed');
    const granted = waiter.acquire('killed');
    const open = [holder.acquire('killed'), holder.saw('lost', 'killed')];
    const rejected = Promise.allSettled(open);
    await holder.kill();
    expect((await rejected).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await expect(holder.acquire('more')).rejects.toThrow(/has ended/);
    await expect(granted).resolves.toMatchObject({ name: 'killed' });
  });
});
