import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type Lease, LockManager, redisStore } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text); // one round trip for each command
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const COMMAND_MS = 200;
/** Longer than every bound of ours, and than ioredis' own patience with a socket would be. */
const BLOCK_MS = 800;

const process = (options = {}) => bench.manager(options, { url: bench.url, commandMs: COMMAND_MS });

/** Nothing else runs in this process: somebody's large JSON, a report, modules that load. */
function block(forMs = BLOCK_MS): void {
  const endsAt = performance.now() + forMs;
  while (performance.now() < endsAt);
}

/** Sends what was asked for, and is gone when the answer comes. */
async function sentThenBlocked(forMs = BLOCK_MS): Promise<void> {
  await turn();
  block(forMs);
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

async function connections(): Promise<number> {
  return Number(/total_connections_received:(\d+)/.exec(await bench.raw.info('stats'))?.[1]);
}

describe('an event loop that is blocked for longer than commandMs after a request was sent', () => {
  it('reads the answers of acquire, tryAcquire, inspect, extend and release before it gives up', async () => {
    const locks = await process();
    const held = await locks.acquire('held');
    const extended = await locks.acquire('extended');
    const before = await connections();
    const asked = [
      outcome(locks.acquire('acquired').then(({ state }) => state)),
      outcome(locks.tryAcquire('tried').then((lease) => lease?.state)),
      outcome(locks.isLocked('extended')),
      outcome(extended.extend(20_000).then(() => extended.state)),
      outcome(held.release()),
    ];
    await sentThenBlocked();
    expect(await Promise.all(asked)).toEqual(['held', 'held', true, 'held', 'released']);
    expect(await connections()).toBe(before); // and keeps its connection, in which the answers lie
  });

  it('gives a request its whole time that was asked for, but not sent yet', async () => {
    const locks = await process();
    await locks.using('warm-up', () => 1);
    const asked = outcome(locks.tryAcquire('group:1').then((lease) => lease?.state));
    block();
    expect(await asked).toBe('held');
  });

  it('sends a request once only whose answer lies in the socket', async () => {
    const locks = await process();
    await locks.using('warm-up', () => 1);
    const commands = await bench.commandsDuring(async () => {
      const asked = locks.acquire('group:1');
      await sentThenBlocked();
      await asked;
    });
    expect(commands.filter((command) => command.startsWith('eval'))).toHaveLength(1);
  });

  it('starts, although it is blocked while it connects', async () => {
    const locks = new LockManager({
      drainMs: 0,
      store: redisStore({ url: bench.url, commandMs: 1_000 }),
    });
    bench.afterwards(locks);
    locks.on('warning', () => undefined);
    const ready = outcome(locks.ready().then(() => 'ready'));
    for (let step = 0; step < 3; step++) await sentThenBlocked(1_200);
    expect(await ready).toBe('ready');
  });

  it('reads the answer of a yield: the hold goes on to the next one here', async () => {
    const locks = await process({ cohortMs: 1 });
    const first = await locks.acquire('group:1');
    const next = outcome(locks.acquire('group:1').then(({ state }) => state));
    block(20); // its slice is over
    const released = outcome(first.release());
    await sentThenBlocked();
    expect([await released, await next]).toEqual(['released', 'held']);
  });

  it('doubts no lease whose renewal lies in the socket', async () => {
    const locks = await process();
    const doubts: string[] = [];
    locks.on('uncertain', () => doubts.push('uncertain'));
    locks.on('lost', ({ cause }) => doubts.push(cause));
    const lease = await locks.acquire('group:1', { leaseMs: 3_000, renew: false });
    const extended = outcome(lease.extend(20_000));
    await sentThenBlocked();
    await extended;
    expect([lease.remainingMs() > 10_000, ...doubts]).toEqual([true]);
  });

  it('never believes a lease for longer', async () => {
    const locks = await process();
    const lease = await locks.acquire('group:1', { leaseMs: 600 });
    block(700);
    expect(lease.state).toBe('lost');
  });
});

describe('a caller whose wait ends while the event loop is blocked', () => {
  it('has the lock when the store has granted it', async () => {
    const locks = await process();
    await locks.using('warm-up', () => 1);
    const waiting = outcome(locks.acquire('group:1', { waitMs: 100 }).then(({ state }) => state));
    await sentThenBlocked(400);
    expect(await waiting).toBe('held');
  });

  it('has the lock that was pushed to it meanwhile', async () => {
    const locks = await process();
    const holder = await process();
    const held = await holder.acquire('group:1');
    const waiting = outcome(locks.acquire('group:1', { waitMs: 500 }).then(({ state }) => state));
    await bench.queued('group:1');
    const released = held.release();
    await sentThenBlocked(600);
    expect([await released, await waiting]).toEqual(['released', 'held']);
  });

  it.each(['is sent', 'is not even sent yet'])(
    'is told that it is busy, never that the store is silent, when its request %s',
    async (when) => {
      const locks = await process();
      const held: Lease = await (await process()).acquire('group:1');
      const waiting = outcome(locks.acquire('group:1', { waitMs: 100 }));
      if (when === 'is sent') await turn();
      block(400);
      expect(await waiting).toMatch(/^LOCK_BUSY/);
      await held.release();
    },
  );

  it('is told that it is busy also by a store that needs a moment to say so', async () => {
    const locks = await process();
    const held = await (await process()).acquire('group:1');
    await locks.using('warm-up', () => 1);
    bench.server.freeze();
    const waiting = outcome(locks.acquire('group:1', { waitMs: 300 }));
    await sentThenBlocked(600);
    setTimeout(() => bench.server.thaw(), 30);
    expect(await waiting).toMatch(/^LOCK_BUSY/);
    await held.release();
  });
});

describe('a connection that is dead and does not say so', () => {
  it('is dropped when nothing came for as long as anybody waits for an answer, and then the store serves', async () => {
    const locks = await process();
    await locks.using('warm-up', () => 1);
    const before = await connections();
    bench.server.freeze();
    expect(await outcome(locks.tryAcquire('group:1'))).toMatch(/^LOCK_STORE_UNAVAILABLE/);
    await outcome(locks.tryAcquire('group:2'));
    await outcome(locks.tryAcquire('group:3'));
    bench.server.thaw();
    await eventually(async () => (await connections()) > before);
    await eventually(() => locks.tryAcquire('group:4').then(Boolean, () => false));
  });
});
