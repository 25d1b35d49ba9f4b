import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease, LockManager } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
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

const NAME = 'group:1';
const COMMAND_MS = 300;

const storedFence = async () => Number((await bench.raw.get(`lock:{${NAME}}`))?.slice(1, 17));
const queueLength = () => bench.raw.zcard(`lock:{${NAME}}:q`);

/** A process whose slices are over at once, so that the end of each of its leases is a yield. */
async function meddled() {
  const redis = new MeddledRedis(bench.url);
  const options = { leaseMs: 20_000, cohortMs: 1 };
  const locks = await bench.manager(options, { client: redis.client, commandMs: COMMAND_MS });
  await locks.using('warm-up', () => undefined);
  return { redis, locks };
}

/** Longer than a slice. */
const sliceOver = () => {
  const endsAt = performance.now() + 5;
  return eventually(() => performance.now() > endsAt);
};

/** A lease at the end of its slice, and one who waits behind it in this process; perhaps another process queued, too. */
async function atTheEnd(locks: LockManager, elsewhere?: LockManager) {
  const lease = await locks.acquire(NAME);
  const theirs = elsewhere?.acquire(NAME);
  if (theirs !== undefined) await bench.queued(NAME);
  const next = locks.acquire(NAME);
  await sliceOver();
  return { lease, next, theirs };
}

/** What an operator would see of a lease that is what it says: the server agrees, and nobody else is served. */
async function expectHeld(lease: Lease): Promise<void> {
  await lease.extend(); // asks the server
  expect(lease.state).toBe('held');
  expect(await storedFence()).toBeLessThanOrEqual(lease.fencingToken);
}

describe('two processes on one Redis', () => {
  it('hand a name on between their callers: each process in order, tokens rising all along, nobody left out', async () => {
    const cohortMs = 2;
    const processes = [await bench.manager({ cohortMs }), await bench.manager({ cohortMs })];
    const served: { process: number; caller: number; fence: number }[] = [];
    let inside = 0;
    const calls = processes.flatMap((locks, process) =>
      Array.from({ length: 40 }, (_, caller) =>
        locks.using(NAME, async ({ fencingToken }) => {
          inside += 1;
          expect(inside).toBe(1);
          served.push({ process, caller, fence: fencingToken });
          await bench.raw.ping(); // some part of a millisecond
          inside -= 1;
        }),
      ),
    );
    const startedAt = performance.now();
    await Promise.all(calls);
    const slices = (performance.now() - startedAt) / cohortMs;
    const fences = served.map(({ fence }) => fence);
    expect(fences).toEqual([...new Set(fences)].toSorted((one, two) => one - two));
    for (const process of [0, 1]) {
      const order = served.filter((one) => one.process === process).map(({ caller }) => caller);
      expect(order).toEqual(Array.from({ length: 40 }, (_, caller) => caller));
    }
    const turns = served.filter((one, index) => one.process !== served[index - 1]?.process).length;
    expect(turns).toBeGreaterThanOrEqual(4);
    expect(turns).toBeLessThanOrEqual(slices + 4); // slices, not leases, go round; the last of each process may be short
    expect([await queueLength(), (await bench.raw.get(`lock:{${NAME}}`))?.[0]]).toEqual([0, 'f']);
  });

  it('a release writes back the last token that was used here: the next grant is above it', async () => {
    const other = await bench.manager();
    const holder = await bench.manager({ cohortMs: 1000 });
    const first = await holder.acquire(NAME);
    await sliceOver();
    const local = Array.from({ length: 20 }, () => holder.using(NAME, (lease) => lease.fencingToken));
    await first.release();
    const used = await Promise.all(local);
    expect(used).toEqual(Array.from({ length: 20 }, (_, index) => first.fencingToken + 1 + index));
    expect(await storedFence()).toBe(used[19]);
    expect((await other.acquire(NAME)).fencingToken).toBeGreaterThan(used[19]!);
  });
});

describe('the reply of a yield that got lost', () => {
  it('executed, the name went to the other process: asked again, and the answer is «yielded»', async () => {
    const { redis, locks } = await meddled();
    const { lease, next, theirs } = await atTheEnd(locks, await bench.manager());
    const lost = redis.loseReply('yield');
    expect(await lease.release()).toBe('released');
    await lost;
    const middle = await theirs!;
    expect(middle.fencingToken).toBeGreaterThan(lease.fencingToken);
    await expectHeld(middle);
    expect(await queueLength()).toBe(1);
    await middle.release();
    const last = await next;
    expect(last.fencingToken).toBeGreaterThan(middle.fencingToken);
    await expectHeld(last);
    expect(await queueLength()).toBe(0);
  });

  it('executed, the hold was kept: asked again, and it is kept with the token that the server has stored', async () => {
    const { redis, locks } = await meddled();
    const { lease, next } = await atTheEnd(locks);
    const lost = redis.loseReply('yield');
    expect(await lease.release()).toBe('released');
    await lost;
    const last = await next;
    expect(last.fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(await storedFence()).toBe(last.fencingToken);
    // The same twice. The slice that it began may be over, too, before the event loop comes to it: then the store is asked anew.
    const [first, ...others] = redis.requests.filter((_, index) => redis.sent[index] === 'yield');
    expect(others.filter((request) => request === first)).toHaveLength(1);
    expect(await last.release()).toBe('released');
    expect(await queueLength()).toBe(0);
  });

  it('not executed: it is executed at the second try', async () => {
    const { redis, locks } = await meddled();
    const { lease, next, theirs } = await atTheEnd(locks, await bench.manager());
    const lost = redis.loseRequest('yield');
    expect(await lease.release()).toBe('released');
    await lost;
    const middle = await theirs!;
    await expectHeld(middle);
    await middle.release();
    await expectHeld(await next);
  });

  it('for good: the lease that ended says so, the waiters go on, and what is executed late changes nothing', async () => {
    const { redis, locks } = await meddled();
    const failed: string[] = [];
    locks.on('releaseFailed', ({ error }) => failed.push(error.code));
    const { lease, next } = await atTheEnd(locks);
    const late = redis.holdBack('yield');
    await expect(lease.release()).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    expect(failed).toEqual(['LOCK_STORE_UNAVAILABLE']);
    const last = await next;
    expect(last.fencingToken).toBeGreaterThan(lease.fencingToken);
    await late.letGo();
    await expectHeld(last);
    expect(await (await bench.manager()).tryAcquire(NAME)).toBeNull();
    expect(await last.release()).toBe('released');
    await eventually(async () => (await queueLength()) === 0);
    expect(await locks.isLocked(NAME)).toBe(false);
  });
});

describe('a copy of a yield that is executed late', () => {
  it('does not give away what the first one kept', async () => {
    const { redis, locks } = await meddled();
    const { lease, next } = await atTheEnd(locks);
    expect(await lease.release()).toBe('released');
    const last = await next;
    const theirs = (await bench.manager()).acquire(NAME);
    await bench.queued(NAME);
    await bench.raw.evalsha(...redis.bytes.get('yield')!);
    await expectHeld(last);
    expect(await queueLength()).toBe(1);
    await last.release();
    expect((await theirs).fencingToken).toBeGreaterThan(last.fencingToken);
  });

  it('does not take from the one who got the name, nor queue anybody again', async () => {
    const { redis, locks } = await meddled();
    const { lease, next, theirs } = await atTheEnd(locks, await bench.manager());
    expect(await lease.release()).toBe('released');
    const middle = await theirs!;
    const copy = () => bench.raw.evalsha(...redis.bytes.get('yield')!);
    await copy();
    await expectHeld(middle);
    expect(await queueLength()).toBe(1);
    await middle.release();
    const last = await next;
    await copy();
    await expectHeld(last);
    expect(await queueLength()).toBe(0);
    await last.release();
    await copy();
    expect([await queueLength(), (await bench.raw.get(`lock:{${NAME}}`))?.[0]]).toEqual([0, 'f']);
  });
});

describe('an acquire that was repeated after a lost reply, and a copy of it that is executed late', () => {
  const isHeld = async () => (await bench.raw.get(`lock:{${NAME}}`))?.[0] === 'h';

  it.each(['release', 'yield'])('takes the name for nobody only for a moment, after a %s', async (end) => {
    const { redis, locks } = await meddled();
    const lost = redis.loseReply('acquire');
    const acquiring = locks.acquire(NAME);
    await lost;
    const lease = await acquiring;
    const late = redis.bytes.get('acquire')!;
    if (end === 'yield') {
      const theirs = (await bench.manager()).acquire(NAME);
      await bench.queued(NAME);
      const next = locks.acquire(NAME);
      await sliceOver();
      await lease.release();
      await (await theirs).release();
      await (await next).release();
    } else await lease.release();
    await bench.raw.evalsha(...late);
    expect(await isHeld()).toBe(true);
    await eventually(async () => !(await isHeld())); // its lease is 20 s
  });

  it('takes it only for a moment too when it was answered «busy», and so had nothing to give back', async () => {
    const { redis, locks } = await meddled();
    const held = await (await bench.manager()).acquire(NAME);
    const lost = redis.loseReply('acquire');
    const trying = locks.tryAcquire(NAME);
    await lost;
    expect(await trying).toBeNull();
    const late = redis.bytes.get('acquire')!;
    await held.release();
    await bench.raw.evalsha(...late);
    expect(await isHeld()).toBe(true);
    await eventually(async () => !(await isHeld()), 5_000); // its lease is 20 s
  });
});

describe('a push that comes before the reply of its yield', () => {
  it('is the grant of our new place: the waiter goes on, and the late reply changes nothing', async () => {
    const { redis, locks } = await meddled();
    const { lease, next, theirs } = await atTheEnd(locks, await bench.manager());
    const late = redis.holdReply('yield');
    const releasing = lease.release();
    await late.executed;
    const middle = await theirs!;
    await middle.release();
    const last = await next;
    expect(await releasing).toBe('released');
    expect(last.fencingToken).toBeGreaterThan(middle.fencingToken);
    late.letGo();
    await expectHeld(last);
    expect(await last.release()).toBe('released');
    expect(await queueLength()).toBe(0);
    expect(await locks.isLocked(NAME)).toBe(false);
  });
});
