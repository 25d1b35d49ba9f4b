import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import type { LockManager } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { type ConnectionFault, FaultProxy } from '../../lib/testing/index.js';
import { eventually, RedisWorkbench, within } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
let proxy: FaultProxy;
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const LOST: ConnectionFault[] = ['lose-request', 'lose-reply', 'half-reply', 'swallow-reply'];
/** Ours, and clients of an application with the settings they come with: the duplicate must not resend behind our back. */
const CLIENTS = {
  'ioredis 6': (url: string) => new Redis(url),
  'ioredis 5': (url: string) => new Redis5(url),
};
const CASES = LOST.flatMap((fault) =>
  Object.keys(CLIENTS).map((client) => [fault, client as keyof typeof CLIENTS] as const),
);

async function behindProxy(client: keyof typeof CLIENTS, options = {}): Promise<LockManager> {
  proxy = await FaultProxy.listen({ host: '127.0.0.1', port: bench.server.port });
  const borrowed = CLIENTS[client](proxy.url);
  borrowed.on('error', () => undefined);
  const locks = await bench.manager({ leaseMs: 5_000, ...options }, { client: borrowed, commandMs: 400 });
  bench.afterwards({ close: () => borrowed.disconnect() });
  bench.afterwards(proxy);
  return locks;
}

async function storedHolder(name: string): Promise<string | null> {
  const state = await bench.raw.get(`lock:{${name}}`);
  return state === null || state.startsWith('f') ? null : state.slice(49, 71);
}

async function storedFence(name: string): Promise<number> {
  return Number((await bench.raw.get(`lock:{${name}}`))?.slice(1, 17));
}

describe.each(CASES)('%s, %s', (fault, client) => {
  it('on downgrade: it is shared afterwards, asked for again where no answer came', async () => {
    const locks = await behindProxy(client);
    const other = await bench.manager();
    await locks.using('warm-up', () => undefined, { mode: 'shared' });
    const lease = await locks.acquire('group:1');
    const struck = proxy.arm({ fault, when: SCRIPTS['gate-downgrade'].sha });
    // A connection that has lost an answer may swallow the next one, too.
    while (
      !(await lease
        .downgrade()
        .then(() => true)
        .catch(() => false))
    )
      expect(lease.mode).toBe('shared');
    await struck;
    expect(await other.tryAcquire('group:1', { mode: 'shared' })).not.toBeNull();
  });

  it('on acquire: the caller ends holding what the server has stored, or not holding with nothing left there', async () => {
    const locks = await behindProxy(client);
    await locks.using('warm-up', () => undefined);
    const struck = proxy.arm({ fault, when: SCRIPTS.acquire.sha });
    const lease = await locks.acquire('group:1').catch((error: { code: string }) => error.code);
    await struck;
    if (typeof lease === 'string') {
      expect(lease).toBe('LOCK_STORE_UNAVAILABLE');
      await eventually(async () => (await storedHolder('group:1')) === null, 1_500);
      return;
    }
    expect(await storedFence('group:1')).toBe(lease.fencingToken);
    await expect(lease.release()).resolves.toBe('released');
    expect(await storedHolder('group:1')).toBeNull();
  });

  it('on joining the queue: one place, one turn, nothing left', async () => {
    const holder = await bench.manager();
    const locks = await behindProxy(client);
    await locks.using('warm-up', () => undefined);
    const held = await holder.acquire('group:1');
    const struck = proxy.arm({ fault, when: SCRIPTS.acquire.sha });
    const waiting = locks
      .acquire('group:1', { waitMs: 4_000 })
      .catch((error: { code: string }) => error.code);
    await struck;
    await eventually(async () => (await bench.raw.zcard('lock:{group:1}:q')) <= 1);
    await held.release();
    const lease = await waiting;
    if (typeof lease === 'string') expect(lease).toBe('LOCK_STORE_UNAVAILABLE');
    else
      await lease
        .release()
        .catch((error: { code: string }) => expect(error.code).toBe('LOCK_STORE_UNAVAILABLE'));
    await eventually(async () => (await storedHolder('group:1')) === null, 2_500);
    expect(await bench.raw.exists('lock:{group:1}:q')).toBe(0);
  });

  it('on release: it is released once, and the next holder is not disturbed', async () => {
    const locks = await behindProxy(client);
    const lease = await locks.acquire('group:1');
    const other = await bench.manager();
    const next = other.acquire('group:1');
    await bench.queued('group:1');
    const struck = proxy.arm({ fault, when: SCRIPTS.release.sha });
    const ending = await lease.release().catch((error: { code: string }) => error.code);
    await struck;
    expect(['released', 'LOCK_STORE_UNAVAILABLE']).toContain(ending);
    const lease2 = await next;
    expect(lease2.fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(await storedFence('group:1')).toBe(lease2.fencingToken);
    await lease2.release();
  });

  it('on renew: the lease goes on, with the same fencing token', async () => {
    const locks = await behindProxy(client, { leaseMs: 4_000 });
    const lease = await locks.acquire('group:1');
    const { fencingToken } = lease;
    await proxy.arm({ fault, when: SCRIPTS.renew.sha });
    await eventually(() => lease.remainingMs() > 3_500);
    expect(lease.state).toBe('held');
    expect(lease.fencingToken).toBe(fencingToken);
    expect(lease.signal.aborted).toBe(false);
    await expect(lease.release()).resolves.toBe('released');
  });
});

describe('a server that cannot be reached', () => {
  it('an acquisition that nobody hears of is undone when the connection is back', async () => {
    const locks = await behindProxy('ioredis 6');
    await locks.using('warm-up', () => undefined);
    proxy.mode = 'drop-replies'; // executed, never answered
    await expect(locks.tryAcquire('group:1')).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    expect(await storedHolder('group:1')).not.toBeNull();
    proxy.mode = 'pass';
    await eventually(async () => (await storedHolder('group:1')) === null, 2_500);
  });

  it('a request that was held back and arrives after the caller gave up leaves no lock behind', async () => {
    const locks = await behindProxy('ioredis 6');
    await locks.using('warm-up', () => undefined);
    proxy.mode = 'black-hole';
    await expect(locks.tryAcquire('group:1')).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    proxy.mode = 'pass';
    await eventually(async () => (await bench.raw.exists('lock:{group:1}')) === 1, 2_500).catch(
      () => undefined,
    );
    await eventually(async () => (await storedHolder('group:1')) === null, 3_000);
  });

  it('a lease is uncertain when a renewal has no answer, lost at its deadline, and its signal says so', async () => {
    const locks = await behindProxy('ioredis 6', { leaseMs: 900 });
    const lease = await locks.acquire('group:1');
    const lost = new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
    const states: string[] = [];
    locks.on('uncertain', () => states.push('uncertain'));
    proxy.mode = 'black-hole';
    // The state is exact (see lease-end.spec.ts, by a clock moved by hand); the signal comes from a timer.
    await within(1_100, () => lost);
    expect(states).toEqual(['uncertain']);
    expect(lease.state).toBe('lost');
    expect(() => lease.assertHeld()).toThrow(
      expect.objectContaining({ code: 'LOCK_LOST', cause: 'expired' }),
    );
    proxy.mode = 'pass';
  });

  it('a wait that the store never answered is a failure of the store, not a lock that is busy', async () => {
    const locks = await behindProxy('ioredis 6');
    await locks.using('warm-up', () => undefined);
    proxy.mode = 'black-hole';
    const waiting = locks.acquire('group:1', { waitMs: 200 });
    await expect(waiting).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true });
    proxy.mode = 'pass';
  });

  it('every acquire settles within its own wait, whatever happens to the server', async () => {
    const locks = await behindProxy('ioredis 6');
    const holder = await bench.manager();
    await holder.acquire('group:1');
    const ended = await within(1_250, async () => {
      const waiting = locks
        .acquire('group:1', { waitMs: 1_000 })
        .catch((error: { code: string }) => error.code);
      await Promise.race([bench.queued('group:1'), waiting]); // on a busy machine its wait may be over before that
      proxy.mode = 'black-hole';
      return waiting;
    });
    expect(['LOCK_BUSY', 'LOCK_STORE_UNAVAILABLE']).toContain(ended);
    proxy.mode = 'pass';
    await eventually(async () => (await bench.raw.zcard('lock:{group:1}:q')) === 0, 4_000);
  });
});
