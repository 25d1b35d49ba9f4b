import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisWorkbench, within } from '../support/redis-workbench.js';
import { startLockTaker } from '../support/lock-taker.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const LEASE_MS = 1_000;

describe('a process that holds or waits', () => {
  it('killed while holding: the next waiter has the lock when the lease has run out, and not before', async () => {
    await using victim = await startLockTaker({ url: bench.url, manager: { leaseMs: LEASE_MS } });
    const held = await victim.acquire('group:1');
    const locks = await bench.manager({ leaseMs: LEASE_MS });
    const next = locks.acquire('group:1');
    await bench.queued('group:1');
    const readAt = performance.now();
    const leftMs = await bench.raw.pttl('lock:{group:1}');
    const lease = await within(LEASE_MS + 500, async () => {
      await victim.kill();
      return next;
    });
    expect(performance.now() - readAt).toBeGreaterThan(leftMs - 50);
    expect(lease.fencingToken).toBeGreaterThan(held.fencingToken);
  });

  it('killed while waiting at the head of the queue: the one behind it is served at the release', async () => {
    const holder = await bench.manager();
    const lease = await holder.acquire('group:1');
    await using victim = await startLockTaker({ url: bench.url });
    victim.acquire('group:1').catch(() => undefined);
    await bench.queued('group:1');
    const waiter = await bench.manager();
    const next = waiter.acquire('group:1');
    await bench.queued('group:1', 2);
    await victim.kill();
    await within(1_000, async () => {
      await lease.release();
      await next;
    });
  });

  it('frozen past its lease: on waking it says lost before it does anything else, and its fencing token is the smaller one', async () => {
    await using sleeper = await startLockTaker({ url: bench.url, manager: { leaseMs: LEASE_MS } });
    const held = await sleeper.acquire('group:1');
    const locks = await bench.manager({ leaseMs: LEASE_MS });
    const next = locks.acquire('group:1');
    await bench.queued('group:1');
    sleeper.freeze();
    const lease = await next;
    await sleep(200); // let it oversleep for certain
    sleeper.thaw();
    expect(await sleeper.report(held)).toMatchObject({
      state: 'lost',
      aborted: true,
      cause: 'expired',
      remainingMs: 0,
    });
    expect(held.fencingToken).toBeLessThan(lease.fencingToken);
    await expect(sleeper.release(held)).resolves.toBe('lost');
    expect(lease.state).toBe('held');
    expect(Number((await bench.raw.get('lock:{group:1}'))?.slice(1, 17))).toBe(lease.fencingToken);
  });

  it('frozen while waiting: it is granted, does not confirm, and costs no more than its short first lease', async () => {
    const holder = await bench.manager();
    const lease = await holder.acquire('group:1');
    await using sleeper = await startLockTaker({ url: bench.url, manager: { leaseMs: LEASE_MS } });
    sleeper.acquire('group:1').catch(() => undefined);
    await bench.queued('group:1');
    const waiter = await bench.manager({ leaseMs: LEASE_MS });
    const next = waiter.acquire('group:1');
    await bench.queued('group:1', 2);
    sleeper.freeze();
    // Its first lease, and the longest time between two polls of the one behind it.
    await within(LEASE_MS + 5_500, async () => {
      await lease.release();
      await (await next).release();
    });
    sleeper.thaw();
  });

  it('busy for longer than its lease, with its event loop blocked: its lease does not lie afterwards', async () => {
    await using busy = await startLockTaker({ url: bench.url, manager: { leaseMs: 400 } });
    const held = await busy.acquire('group:1');
    await busy.block(700);
    const report = await busy.report(held);
    expect(report.state).toBe('lost');
    expect(report.aborted).toBe(true);
  });

  it('the server is killed and comes back empty: the holder learns at its next renewal, and fencing tokens still rise', async () => {
    const locks = await bench.manager({ leaseMs: LEASE_MS });
    const lease = await locks.acquire('group:1');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await bench.server.restart();
    const other = await bench.manager({ leaseMs: LEASE_MS });
    const next = await other.acquire('group:1');
    expect(next.fencingToken).toBeGreaterThan(lease.fencingToken);
    await lost;
    expect(lease.signal.reason).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('the server stands still past the lease: the holder stops believing at its deadline', async () => {
    const locks = await bench.manager({ leaseMs: 600 });
    const lease = await locks.acquire('group:1');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    await within(800, async () => {
      bench.server.freeze();
      await lost;
    });
    bench.server.thaw();
    expect(lease.state).toBe('lost');
  });
});
