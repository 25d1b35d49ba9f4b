import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease, LockManager, LockManagerOptions } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { type ConnectionFault, FaultProxy } from '../../lib/testing/index.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';
import { single } from '../support/single-lease.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const NAME = 'group:1';
const COMMAND_MS = 400;
/** Whoever waited for it to run out would hang. */
const LEASE_MS = 60_000;

const rejections: unknown[] = [];
const onRejection = (reason: unknown) => void rejections.push(reason);
beforeAll(() => void process.on('unhandledRejection', onRejection));
afterAll(() => void process.off('unhandledRejection', onRejection));
afterEach(() => {
  if (rejections.length > 0) throw new Error(`nobody caught ${String(rejections)}`);
});

/** What happened, oldest first: events of the manager, and what the test adds. */
function heard(locks: LockManager): string[] {
  const happened: string[] = [];
  for (const event of ['released', 'releaseFailed', 'lost'] as const)
    locks.on(event, () => void happened.push(event));
  return happened;
}

/** The first release of a connection is confirmed; here it is over. */
async function warmUp(locks: LockManager): Promise<void> {
  await locks.using('warm-up', () => undefined);
}

async function meddled(options: Partial<LockManagerOptions> = {}) {
  const redis = new MeddledRedis(bench.url);
  const all = { release: 'sent', leaseMs: LEASE_MS, ...options } as const;
  const locks = await bench.manager(all, { client: redis.client, commandMs: COMMAND_MS });
  await warmUp(locks);
  return { redis, locks, happened: heard(locks) };
}

async function behindProxy(options: Partial<LockManagerOptions> = {}) {
  const proxy = await FaultProxy.listen({ host: '127.0.0.1', port: bench.server.port });
  bench.afterwards(proxy);
  const all = { release: 'sent', leaseMs: LEASE_MS, ...options } as const;
  const locks = await bench.manager(all, { url: proxy.url, commandMs: COMMAND_MS });
  await warmUp(locks);
  return { proxy, locks, happened: heard(locks) };
}

const isFree = async (name = NAME) => (await bench.raw.get(`lock:{${name}}`))?.startsWith('f') === true;
const turn = () => new Promise((resolve) => setImmediate(resolve));
/** A few turns of the event loop, sockets included. */
const turns = async () => {
  for (let count = 0; count < 20; count++) await turn();
};

describe('a sent release on Redis', () => {
  it('costs no round trip: the work’s result is there although the answer of the release is not', async () => {
    const { redis, locks, happened } = await meddled();
    const reply = redis.holdReply('release');
    expect(await locks.using(NAME, () => 'done')).toBe('done');
    happened.push('returned');
    await reply.executed;
    reply.letGo();
    await eventually(() => happened.length > 1);
    expect(happened).toEqual(['returned', 'released']);
  });

  it('is what a confirmed one is not', async () => {
    const { redis, locks, happened } = await meddled({ release: 'confirmed' });
    const reply = redis.holdReply('release');
    const call = locks.using(NAME, () => 'done').then(() => happened.push('returned'));
    await reply.executed;
    await turns();
    expect(happened).toEqual([]);
    reply.letGo();
    await call;
    expect(happened).toEqual(['released', 'returned']);
  });

  it('is in order: our next try for the name, at once, finds it free; 200 times', async () => {
    const { locks } = await meddled();
    for (let round = 0; round < 200; round++) {
      await locks.using(NAME, () => undefined);
      expect(await locks.tryUsing(NAME, () => round)).toEqual({ acquired: true, value: round });
    }
  });

  it('travels with the other requests of its turn, and each of its callers goes on', async () => {
    const { redis, locks } = await meddled();
    const names = Array.from({ length: 10 }, (_, n) => `group:${n}`);
    const leases = await Promise.all(names.map((name) => locks.acquire(name)));
    const reply = redis.holdReply('release');
    const before = redis.sent.length;
    const results = leases.map((lease, n) => lease.using(() => n));
    expect(await Promise.all(results)).toEqual(names.map((_, n) => n));
    expect(redis.sent.slice(before)).toEqual(['release']);
    reply.letGo();
    for (const name of names) await eventually(() => isFree(name));
  });

  it('is how the end of a slice goes, too: its caller goes on while the server says who is next', async () => {
    const { redis, locks } = await meddled({ cohortMs: 1 });
    const sliceOver = async (lease: Lease) => eventually(() => single(lease).heldMs > 3);
    const first = await locks.acquire(NAME);
    const next = locks.acquire(NAME);
    await first.using(sliceOver); // the first yield of the connection is confirmed
    const second = await next;
    const last = locks.acquire(NAME);
    const reply = redis.holdReply('yield');
    await second.using(sliceOver);
    expect(redis.sent.filter((script) => script === 'yield')).toHaveLength(2);
    reply.letGo();
    expect(await (await last).release()).toBe('released');
  });
});

describe('a script that the server does not have would be overtaken by our next request, so', () => {
  const scriptsOf = () => Object.values(SCRIPTS).map(({ sha }) => bench.raw.script('EXISTS', sha));

  it('the first release of a connection is confirmed', async () => {
    await bench.raw.script('FLUSH');
    const locks = await bench.manager({ release: 'sent' });
    const happened = heard(locks);
    await locks.using(NAME, () => undefined);
    happened.push('returned');
    expect(await locks.tryUsing(NAME, () => 'mine')).toEqual({ acquired: true, value: 'mine' });
    expect(happened.slice(0, 2)).toEqual(['released', 'returned']);
  });

  it.each(['before the acquire', 'during the work'])('SCRIPT FLUSH changes nothing: %s', async (when) => {
    const { locks } = await meddled();
    if (when.startsWith('before')) await bench.raw.script('FLUSH');
    await locks.using(NAME, async () => {
      if (when.startsWith('during')) await bench.raw.script('FLUSH');
    });
    expect(await locks.tryUsing(NAME, () => 'mine')).toEqual({ acquired: true, value: 'mine' });
    expect((await Promise.all(scriptsOf())).flat()).toContain(1);
  });

  it('another server behind the same address is asked anew, too', async () => {
    const { proxy, locks } = await behindProxy();
    await bench.raw.script('FLUSH');
    const { release: _, ...others } = SCRIPTS; // nothing tells us that one is missing
    for (const { text } of Object.values(others)) await bench.raw.script('LOAD', text);
    proxy.cutAll();
    await eventually(() => locks.isLocked(NAME).then((held) => !held));
    await locks.using(NAME, () => undefined);
    expect(await locks.tryUsing(NAME, () => 'mine')).toEqual({ acquired: true, value: 'mine' });
  });
});

describe('a sent release whose reply is lost', () => {
  const LOST: ConnectionFault[] = ['lose-request', 'lose-reply', 'half-reply', 'swallow-reply'];

  it.each(LOST)('%s: it is repeated in the background, and the next process is served', async (fault) => {
    const { proxy, locks, happened } = await behindProxy();
    const other = await bench.manager();
    const lease = await locks.acquire(NAME);
    const next = other.acquire(NAME);
    await bench.queued(NAME);
    const struck = proxy.arm({ fault, when: SCRIPTS.release.sha });
    expect(await lease.using(() => 'done')).toBe('done');
    happened.push('returned');
    await struck;
    expect((await next).fencingToken).toBeGreaterThan(lease.fencingToken);
    await eventually(() => happened.length > 1);
    expect(['released', 'releaseFailed']).toContain(happened[1]); // «without an answer» for longer than commandMs
    expect(happened[0]).toBe('returned');
  });

  it('for good: the event says so, the store goes on, and the name is free long before its lease ends', async () => {
    const { proxy, locks, happened } = await behindProxy();
    const lease = await locks.acquire(NAME);
    await lease.using(() => void (proxy.mode = 'black-hole'));
    happened.push('returned');
    await eventually(() => happened.includes('releaseFailed'));
    expect(await lease.release().catch((error: { code: string }) => error.code)).toBe(
      'LOCK_STORE_UNAVAILABLE',
    );
    proxy.mode = 'pass';
    await eventually(() => isFree());
    expect(happened).toEqual(['returned', 'releaseFailed']);
  });

  it('and was executed is answered «released» at its repetition, which ends nobody else’s hold', async () => {
    const { redis, locks, happened } = await meddled();
    const other = await bench.manager();
    const lease = await locks.acquire(NAME);
    const next = other.acquire(NAME);
    await bench.queued(NAME);
    const lost = redis.loseReply('release');
    await lease.using(() => undefined);
    await lost;
    const theirs = await next;
    await eventually(() => happened.length > 0);
    expect(happened).toEqual(['released']);
    await theirs.extend(); // asks the server
    expect(theirs.state).toBe('held');
  });
});

describe('a release that cannot be sent at once is confirmed', () => {
  it('when the connection is gone: using returns with the answer, after the reconnect', async () => {
    const { proxy, locks, happened } = await behindProxy();
    let finish!: () => void;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const call = locks.using(NAME, () => work).then(() => happened.push('returned'));
    await eventually(async () => (await bench.raw.exists(`lock:{${NAME}}`)) === 1);
    proxy.mode = 'refuse';
    proxy.cutAll();
    await expect(locks.inspect(NAME)).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    finish();
    await turns();
    expect(happened).toEqual([]);
    proxy.mode = 'pass';
    await call;
    expect([happened, await isFree()]).toEqual([['released', 'returned'], true]);
  });

  it('when nothing can be written any more, and the client does not know yet', async () => {
    const { redis, locks, happened } = await meddled();
    await locks.using(NAME, () => redis.endStreams());
    happened.push('returned');
    expect(happened).toEqual(['released', 'returned']);
  });
});

describe('closing right after a sent release', () => {
  it('waits for it: afterwards the name is free', async () => {
    const { redis, locks, happened } = await meddled();
    const back = redis.holdBack('release');
    await locks.using(NAME, () => undefined);
    let closed = false;
    const closing = locks.close().then(() => (closed = true));
    await back.held;
    const listening = () => bench.raw.pubsub('CHANNELS', 'lock:c:*');
    await eventually(async () => ((await listening()) as string[]).length === 0); // the first step of closing is done
    await turns();
    expect(closed).toBe(false);
    await back.letGo();
    await closing;
    expect([happened, await isFree()]).toEqual([['released'], true]);
  });

  it('waits no longer than one commandMs for an answer that does not come, and tells it', async () => {
    const { redis, locks, happened } = await meddled();
    redis.holdReply('release');
    await locks.using(NAME, () => undefined);
    await locks.close();
    expect(happened).toEqual(['releaseFailed']);
  });
});
