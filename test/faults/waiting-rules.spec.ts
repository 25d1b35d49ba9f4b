import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease, LockManager } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { ManualClock } from '../../lib/testing/index.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const STATE = 'lock:{group:1}';

/** A waiter whose timers do not fire by themselves, so that only what a test does can serve it. */
async function waiterOutOfTime(place = 1) {
  const clock = new ManualClock();
  const waiter = await bench.manager({ clock, waitMs: 600_000 });
  const queued = new Promise((resolve) => waiter.on('waiting', resolve)); // its reply is read: it sleeps until its next poll
  const waiting = waiter.acquire('group:1');
  waiting.catch(() => undefined); // some tests end before its turn
  await bench.queued('group:1', place);
  await queued;
  bench.afterwards({ close: () => closeOutOfTime(waiter, clock) });
  return { clock, waiting };
}

async function held(): Promise<Lease> {
  return (await bench.manager({ leaseMs: 600_000 })).acquire('group:1');
}

/** What closing waits for needs time, too. */
async function closeOutOfTime(locks: LockManager, clock: ManualClock): Promise<void> {
  let closed = false;
  void locks.close().then(() => (closed = true));
  await eventually(async () => {
    await clock.advanceAsync(100);
    return closed;
  });
}

describe('a waiter to whom nobody pushes', () => {
  it('asks every few seconds, although the lease it waits for runs for ten minutes', async () => {
    await held();
    const { clock, waiting } = await waiterOutOfTime();
    await bench.raw.del(STATE);
    await clock.advanceAsync(5_100);
    expect((await waiting).state).toBe('held');
  });

  it('asks at once when its process can hear of grants again: what came meanwhile was lost', async () => {
    await held();
    const { waiting } = await waiterOutOfTime();
    await bench.raw.del(STATE);
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    expect((await waiting).state).toBe('held');
  });
});

describe('a push', () => {
  it('older than the last reply is no grant: the waiter stays where it is, with the token it has', async () => {
    const lease = await held();
    const { waiting } = await waiterOutOfTime();
    const [member = ''] = await bench.raw.zrange(`${STATE}:q`, '0', '-1');
    const [token, channel = ''] = [member.slice(0, 22), member.slice(30).split('|')[0]];
    const longAgo = '1'.padEnd(16, '0');
    await bench.raw.publish(channel, `G${token}${longAgo}${longAgo}${longAgo}00005000${STATE}`);
    await sleep(30); // what it must not do has no event
    await lease.release();
    expect((await waiting).fencingToken).toBeGreaterThan(lease.fencingToken);
    expect(String(await bench.raw.get(STATE)).slice(49, 71)).toBe(token);
  });
});

describe('the order between processes', () => {
  it('is kept when a lease ends while nobody polls: a newcomer hands the name to the first waiter', async () => {
    await held();
    const { waiting } = await waiterOutOfTime();
    await bench.raw.del(STATE); // the holder's lease has run out
    const newcomer = await bench.manager();
    await expect(newcomer.tryAcquire('group:1')).resolves.toBeNull();
    expect((await waiting).state).toBe('held');
  });

  it('goes on by pushes alone, from waiter to waiter', async () => {
    const lease = await held();
    const first = await waiterOutOfTime(1);
    const second = await waiterOutOfTime(2);
    await lease.release();
    await (await first.waiting).release();
    expect((await second.waiting).state).toBe('held');
  });

  it('is kept over polls: whoever asks again keeps its place', async () => {
    const lease = await held();
    const first = await waiterOutOfTime(1);
    await waiterOutOfTime(2);
    const before = await bench.raw.zrange(`${STATE}:q`, '0', '-1', 'WITHSCORES');
    const commands = await bench.commandsDuring(() => first.clock.advanceAsync(5_100));
    expect(commands.some((command) => command.includes('group:1'))).toBe(true);
    expect(await bench.raw.zrange(`${STATE}:q`, '0', '-1', 'WITHSCORES')).toEqual(before);
    await lease.release();
    expect((await first.waiting).state).toBe('held');
  });

  it('is kept over a loss of the queue: whoever asks again comes back with its old ticket', async () => {
    await held();
    const first = await waiterOutOfTime(1);
    const second = await waiterOutOfTime(2);
    const before = await bench.raw.zrange(`${STATE}:q`, '0', '-1', 'WITHSCORES');
    await bench.raw.del(`${STATE}:q`);
    await second.clock.advanceAsync(5_100);
    await bench.queued('group:1', 1);
    await first.clock.advanceAsync(5_100);
    await bench.queued('group:1', 2);
    expect(await bench.raw.zrange(`${STATE}:q`, '0', '-1', 'WITHSCORES')).toEqual(before);
  });
});

describe('a place in the queue that has lost its waiter', () => {
  it('is passed on when it is granted: the one behind it does not wait for that lease to run out', async () => {
    const lease = await held();
    const redis = new MeddledRedis(bench.url);
    const leaver = await bench.manager({}, { client: redis.client, commandMs: 10_000 });
    const leaving = new AbortController();
    const left = leaver.acquire('group:1', { signal: leaving.signal }).catch(() => 'left');
    await bench.queued('group:1');
    const next = (await bench.manager()).acquire('group:1', { waitMs: 2_000 });
    await bench.queued('group:1', 2);
    const cancelled = redis.holdBack('release');
    leaving.abort();
    await Promise.all([left, cancelled.held]);
    await lease.release();
    expect((await next).state).toBe('held');
    await cancelled.letGo();
  });

  it('is given up when the lease beside it is lost: a poll may have crossed its own grant', async () => {
    const lease = await held();
    const locks = await bench.manager();
    const waiting = locks.acquire('group:1');
    await bench.queued('group:1');
    const [member = ''] = await bench.raw.zrange(`${STATE}:q`, '0', '-1');
    await lease.release();
    const next = await waiting;
    await bench.raw.zadd(`${STATE}:q`, 1, member); // what such a poll leaves behind
    await bench.raw.setrange(STATE, 49, 'x'.repeat(22));
    await expect(next.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    await eventually(async () => (await bench.raw.exists(`${STATE}:q`)) === 0);
  });
});
