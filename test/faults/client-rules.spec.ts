import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockManager, LockManagerOptions } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { FaultProxy } from '../../lib/testing/index.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  // So that every script goes out with its short name, by which the tests know it.
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const COMMAND_MS = 300;

async function meddled(options: Partial<LockManagerOptions> = {}, commandMs = COMMAND_MS) {
  const redis = new MeddledRedis(bench.url);
  const locks = await bench.manager({ leaseMs: 20_000, ...options }, { client: redis.client, commandMs });
  return { redis, locks };
}

const code = (error: unknown) => (error as { code?: unknown }).code;

async function isStored(name: string): Promise<boolean> {
  const state = await bench.raw.get(`lock:{${name}}`);
  return state !== null && !state.startsWith('f');
}

describe('a request that is executed when its caller has gone', () => {
  it('an acquire that nobody heard of and that arrives after its undo is undone once more', async () => {
    const { redis, locks } = await meddled();
    const late = redis.holdBack('acquire');
    expect(await locks.tryAcquire('group:1').catch(code)).toBe('LOCK_STORE_UNAVAILABLE');
    await eventually(() => redis.sent.includes('release')); // nothing to undo yet
    await late.letGo();
    expect(await isStored('group:1')).toBe(true);
    await eventually(async () => !(await isStored('group:1')), 2_000);
  });

  it('an acquire that was aborted and is answered afterwards is undone at once', async () => {
    const { redis, locks } = await meddled({}, 10_000);
    const leaving = new AbortController();
    const late = redis.holdBack('acquire');
    const waiting = locks.acquire('group:1', { signal: leaving.signal }).catch(() => 'left');
    await late.held;
    leaving.abort();
    expect(await waiting).toBe('left');
    await eventually(() => redis.sent.includes('release'));
    await late.letGo();
    await eventually(async () => !(await isStored('group:1')), 800);
  });

  it('is not sent again once its acquisition is over', async () => {
    const { redis, locks } = await meddled({}, 10_000);
    const leaving = new AbortController();
    const lost = redis.loseReply('acquire');
    const waiting = locks.acquire('group:1', { signal: leaving.signal }).catch(() => 'left');
    await lost;
    leaving.abort();
    expect(await waiting).toBe('left');
    const sent = (script: string) => redis.sent.filter((one) => one === script).length;
    await eventually(() => sent('release') === 2); // at the abort and at the failure, which go together, and once more a second later
    expect(sent('acquire')).toBe(1);
    expect(await isStored('group:1')).toBe(false);
  });

  it('an undo that gets no answer is repeated until it has one', async () => {
    const holder = await bench.manager();
    await holder.acquire('group:1');
    const { redis, locks } = await meddled();
    const leaving = new AbortController();
    const waiting = locks.acquire('group:1', { signal: leaving.signal }).catch(() => 'left');
    await bench.queued('group:1');
    const [first, second] = [redis.holdBack('release'), redis.holdBack('release')];
    leaving.abort();
    expect(await waiting).toBe('left');
    await Promise.all([first.held, second.held]);
    await bench.queued('group:1', 0);
  });

  it('a release without an answer goes on in the background', async () => {
    const { redis, locks } = await meddled();
    const lease = await locks.acquire('group:1');
    redis.holdBack('release');
    expect(await lease.release().catch(code)).toBe('LOCK_STORE_UNAVAILABLE');
    await eventually(async () => !(await isStored('group:1')), 2_000);
  });
});

describe('a reply that got lost', () => {
  it('of an acquire: it is asked again with the same token, and the caller has the lock', async () => {
    const { redis, locks } = await meddled();
    const lost = redis.loseReply('acquire');
    const lease = await locks.acquire('group:1');
    await lost;
    expect(await bench.raw.get('lock:{group:1}')).toContain(String(lease.fencingToken));
    await expect(lease.release()).resolves.toBe('released');
  });

  it('of a release: it is asked again, and the answer is still «released»', async () => {
    const { redis, locks } = await meddled();
    const lease = await locks.acquire('group:1');
    const lost = redis.loseReply('release');
    await expect(lease.release()).resolves.toBe('released');
    await lost;
  });

  it('of forceRelease: it is not repeated, which would end the next holder, too', async () => {
    const { redis, locks } = await meddled();
    await locks.acquire('group:1');
    const next = (await bench.manager()).acquire('group:1');
    await bench.queued('group:1');
    const lost = redis.loseReply('force');
    expect(await locks.forceRelease('group:1', 'stuck').catch(code)).toBe('LOCK_STORE_UNAVAILABLE');
    await lost;
    const lease = await next;
    await lease.extend(); // asks the server
    expect(lease.state).toBe('held');
  });

  it('of forceRelease on the wire: the client does not send it again behind our back either', async () => {
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: bench.server.port });
    bench.afterwards(proxy);
    const locks = await bench.manager({}, { url: proxy.url, commandMs: 1_000 });
    await locks.acquire('group:1');
    const next = (await bench.manager()).acquire('group:1');
    await bench.queued('group:1');
    const lost = proxy.arm({ fault: 'lose-reply', when: SCRIPTS.force.sha });
    expect(await locks.forceRelease('group:1', 'stuck').catch(code)).toBe('LOCK_STORE_UNAVAILABLE');
    await lost;
    await locks.isLocked('group:1'); // connected again
    const lease = await next;
    await lease.extend();
    expect(lease.state).toBe('held');
  });

  it('and another in its place: the nonce tells, and no grant is read out of it', async () => {
    const { redis, locks } = await meddled();
    const stranger = (reply: unknown) => String(reply).replace(/\w+ \d+$/, 'zzz 0000000000000007');
    const changed = redis.changeReply('acquire', stranger);
    const lease = await locks.acquire('group:1');
    await changed;
    expect(lease.fencingToken).toBeGreaterThan(7);
    expect(await bench.raw.get('lock:{group:1}')).toContain(String(lease.fencingToken));
  });
});

describe('a lease is believed from before its request was sent', () => {
  const SLOW_MS = 400;
  const LEASE_MS = 2_000;
  /** Of the full lease the way back has taken its part. */
  const AT_MOST_MS = LEASE_MS - SLOW_MS;

  async function slow(): Promise<{ proxy: FaultProxy; locks: LockManager }> {
    const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: bench.server.port });
    bench.afterwards(proxy);
    const locks = await bench.manager({ leaseMs: LEASE_MS }, { url: proxy.url, commandMs: 1_000 });
    return { proxy, locks };
  }

  it('when its reply was slow', async () => {
    const { proxy, locks } = await slow();
    proxy.delayDownMs = SLOW_MS;
    const lease = await locks.acquire('group:1');
    expect(lease.remainingMs()).toBeLessThanOrEqual(AT_MOST_MS);
    await lease.release();
  });

  it('when the answer to its renewal was slow', async () => {
    const { proxy, locks } = await slow();
    const lease = await locks.acquire('group:1', { renew: false });
    proxy.delayDownMs = SLOW_MS;
    await lease.extend();
    expect(lease.remainingMs()).toBeLessThanOrEqual(AT_MOST_MS);
    await lease.release();
  });

  it('when its push was slow: from the moment of the grant, by the clock of the server', async () => {
    const { proxy, locks } = await slow();
    const held = await (await bench.manager()).acquire('group:1');
    const waiting = locks.acquire('group:1');
    await bench.queued('group:1');
    proxy.delayDownMs = SLOW_MS;
    await held.release();
    const lease = await waiting;
    expect(lease.state).toBe('held');
    expect(lease.remainingMs()).toBeLessThanOrEqual(AT_MOST_MS);
    await lease.release();
  });
});
