import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease, LockManager, LockManagerOptions } from '../../lib/index.js';
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

type Script = keyof typeof SCRIPTS;

const names = (count: number) => Array.from({ length: count }, (_, index) => `group:${index}`);
const acquireAll = (locks: LockManager, count: number) =>
  Promise.all(names(count).map((name) => locks.acquire(name)));
const releaseAll = (leases: readonly Lease[]) => Promise.all(leases.map((lease) => lease.release()));

/** How many commands of each script the clients sent while `work` ran. */
async function scriptsDuring(work: () => Promise<unknown>): Promise<Partial<Record<Script, number>>> {
  const seen = await bench.commandsDuring(async () => void (await work()));
  const counts: Partial<Record<Script, number>> = {};
  for (const [script, { sha }] of Object.entries(SCRIPTS) as [Script, { sha: string }][]) {
    const count = seen.filter((command) => command.toLowerCase().startsWith(`evalsha ${sha}`)).length;
    if (count > 0) counts[script] = count;
  }
  return counts;
}

const settled = async (calls: readonly Promise<unknown>[]) =>
  (await Promise.allSettled(calls)).map((call) =>
    call.status === 'fulfilled' ? 'fulfilled' : (call.reason as { code: string }).code,
  );

async function meddled(options: Partial<LockManagerOptions> = {}, commandMs = 2_000) {
  const redis = new MeddledRedis(bench.url);
  const locks = await bench.manager({ leaseMs: 20_000, ...options }, { client: redis.client, commandMs });
  return { redis, locks };
}

describe('what is asked for in one turn of the event loop', () => {
  it('goes in few commands: 64 acquires in 4, or 5, and their 64 releases, too', async () => {
    const locks = await bench.manager();
    let leases: Lease[] = [];
    const acquiring = await scriptsDuring(async () => (leases = await acquireAll(locks, 64)));
    expect(leases.map(({ state }) => state)).toEqual(Array(64).fill('held'));
    expect(new Set(leases.map(({ name }) => name)).size).toBe(64);
    expect(acquiring.acquire).toBeLessThanOrEqual(5);
    const endings: string[] = [];
    const releasing = await scriptsDuring(async () => endings.push(...(await releaseAll(leases))));
    expect(endings).toEqual(Array(64).fill('released'));
    expect(releasing.release).toBeLessThanOrEqual(5);
    expect(Object.keys({ ...acquiring, ...releasing }).toSorted()).toEqual(['acquire', 'release']);
  });

  it('goes together also when each call comes from a callback of its own, as HTTP requests do, behind the first, which is alone', async () => {
    const locks = await bench.manager();
    const request = (name: string) =>
      new Promise<Lease>((resolve) => setImmediate(() => resolve(locks.acquire(name))));
    const sent = await scriptsDuring(() => Promise.all(names(8).map(request)));
    expect(sent).toEqual({ acquire: 2 });
  });

  it('is one command for one caller', async () => {
    const locks = await bench.manager();
    expect(await scriptsDuring(() => locks.using('group:1', () => 1))).toEqual({ acquire: 1, release: 1 });
  });

  it('and given up in the same turn is not sent at all', async () => {
    const { redis, locks } = await meddled();
    const leaving = new AbortController();
    const left = settled([locks.acquire('group:1', { signal: leaving.signal })]);
    const stays = locks.acquire('group:2');
    leaving.abort(Object.assign(new Error('gone'), { code: 'GONE' }));
    expect(await left).toEqual(['GONE']);
    expect((await stays).state).toBe('held');
    expect(redis.sent.filter((script) => script === 'acquire')).toHaveLength(1);
    const [, , ...sent] = redis.bytes.get('acquire')!;
    expect(sent).toContain('lock:{group:2}');
    expect(sent).not.toContain('lock:{group:1}');
  });

  it('those who were answered together and ask again travel together', async () => {
    const locks = await bench.manager();
    const pairs = await scriptsDuring(async () => {
      const caller = async (name: string) => {
        for (let round = 0; round < 10; round += 1) await locks.using(name, () => 1);
      };
      await Promise.all(names(32).map(caller));
    });
    expect((pairs.acquire ?? 0) + (pairs.release ?? 0)).toBeLessThanOrEqual(120); // not 640
  });

  it('what becomes free goes first: a release and an acquire of one turn and one name are no wait', async () => {
    const locks = await bench.manager();
    const other = await bench.manager();
    const lease = await locks.acquire('group:1', { cohortMs: 0 });
    const work = async () => {
      const next = locks.tryAcquire('group:2');
      const releasing = lease.release();
      const again = locks.tryAcquire('group:1');
      expect(await releasing).toBe('released');
      expect((await again)?.state).toBe('held');
      await next;
    };
    expect(await scriptsDuring(work)).toEqual({ release: 1, acquire: 1 });
    expect(await other.tryAcquire('group:1')).toBeNull();
  });
});

describe('one request that the server refuses', () => {
  it('among acquires: a foreign key, a full queue and a busy name are told to those alone', async () => {
    const other = await bench.manager();
    const [waiter, locks] = [await bench.manager(), await bench.manager({ maxWaitingProcesses: 1 })];
    await other.acquire('busy');
    await other.acquire('full');
    waiter.acquire('full').catch(() => undefined);
    await bench.queued('full');
    await bench.raw.hset('lock:{hash}', 'a', '1');
    await bench.raw.set('lock:{text}', 'of somebody else');
    const calls: (() => Promise<unknown>)[] = [
      () => locks.acquire('group:1'),
      () => locks.acquire('hash'),
      () => locks.acquire('text'),
      () => locks.acquire('full'),
      () => locks.acquire('busy', { waitMs: 0 }),
      () => locks.acquire('group:2'),
    ];
    let outcomes: string[] = [];
    const sent = await scriptsDuring(async () => {
      outcomes = await settled(calls.map((call) => call()));
    });
    expect(outcomes).toEqual([
      'fulfilled',
      'LOCK_KEY_CONFLICT',
      'LOCK_KEY_CONFLICT',
      'LOCK_QUEUE_FULL',
      'LOCK_BUSY',
      'fulfilled',
    ]);
    expect(sent).toEqual({ acquire: 1 });
    expect(locks.held().map(({ name }) => name)).toEqual(['group:1', 'group:2']);
    expect(await bench.raw.hgetall('lock:{hash}')).toEqual({ a: '1' });
  });

  it('among releases: the others are released, and this one says what was in the way', async () => {
    const locks = await bench.manager();
    const leases = await acquireAll(locks, 4);
    await bench.raw.del('lock:{group:2}');
    await bench.raw.hset('lock:{group:2}', 'a', '1');
    expect(await settled(leases.map((lease) => lease.release()))).toEqual([
      'fulfilled',
      'fulfilled',
      'LOCK_KEY_CONFLICT',
      'fulfilled',
    ]);
    for (const name of ['group:0', 'group:1', 'group:3']) expect(await locks.isLocked(name)).toBe(false);
    await bench.raw.del('lock:{group:2}');
  });

  it('because the server is a replica is an error of all, at which the client connects anew', async () => {
    const locks = await bench.manager();
    await locks.using('warm-up', () => 1);
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await bench.raw.info('stats'))?.[1]);
    const before = await connections();
    await bench.raw.call('REPLICAOF', '127.0.0.1', '1');
    try {
      const calls = [locks.tryAcquire('group:1'), locks.tryAcquire('group:2')];
      expect(await settled(calls)).toEqual(['LOCK_STORE_READONLY', 'LOCK_STORE_READONLY']);
      await eventually(async () => (await connections()) > before);
    } finally {
      await bench.raw.call('REPLICAOF', 'NO', 'ONE');
    }
    const lease = await locks.acquire('group:1');
    expect(lease.state).toBe('held');
  });
});

describe('a batch whose reply got lost', () => {
  it('of acquires: each request is sent again, and everybody has the lock that the server has stored', async () => {
    const { redis, locks } = await meddled();
    const lost = redis.loseReply('acquire');
    const leases = await acquireAll(locks, 10);
    await lost;
    for (const { name, fencingToken } of leases)
      expect(await bench.raw.get(`lock:{${name}}`)).toContain(String(fencingToken));
    expect(await releaseAll(leases)).toEqual(Array(10).fill('released'));
  });

  it('one of them that is over meanwhile is not sent again, and nothing of it is left', async () => {
    const { redis, locks } = await meddled();
    const leaving = new AbortController();
    const lost = redis.loseReply('acquire');
    const calls = [
      locks.acquire('group:0'),
      locks.acquire('group:1', { signal: leaving.signal }),
      locks.acquire('group:2'),
    ];
    const outcomes = settled(calls.map((call) => call.catch((error: Error) => Promise.reject(error))));
    await lost;
    leaving.abort(Object.assign(new Error('gone'), { code: 'GONE' }));
    expect(await outcomes).toEqual(['fulfilled', 'GONE', 'fulfilled']);
    await eventually(async () => !(await locks.isLocked('group:1')));
    expect(locks.held().map(({ name }) => name)).toEqual(['group:0', 'group:2']);
  });

  it('of releases: all of them are «released»', async () => {
    const { redis, locks } = await meddled();
    const leases = await acquireAll(locks, 10);
    const lost = redis.loseReply('release');
    expect(await releaseAll(leases)).toEqual(Array(10).fill('released'));
    await lost;
    for (const { name } of leases) expect(await locks.isLocked(name)).toBe(false);
  });
});

describe('renewals on a real server', () => {
  it('10 000 leases: at most 100 commands per interval, and none is forgotten', async () => {
    const leaseMs = 6_000;
    // Ten thousand at once keep any machine busy for a while; this is about what comes afterwards.
    const locks = await bench.manager({ leaseMs }, { url: bench.url, commandMs: 30_000 });
    const leases = (
      await Promise.all(
        names(100)
          .map(() => undefined)
          .flatMap((_, tens) =>
            Array.from({ length: 100 }, (__, ones) => locks.acquire(`lease:${tens}:${ones}`)),
          ),
      )
    ).flat();
    expect(leases).toHaveLength(10_000);
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await bench.raw.info('commandstats'))?.[1]);
    const before = await calls();
    const beganAt = performance.now();
    await eventually(() => performance.now() - beganAt > 2 * (leaseMs / 3), 10_000);
    const intervals = (performance.now() - beganAt) / (leaseMs / 3);
    const perInterval = ((await calls()) - before) / intervals;
    expect(perInterval).toBeLessThanOrEqual(110); // 100, and a tenth because leases are renewed up to a tenth early
    expect(perInterval).toBeGreaterThan(50);
    await eventually(() => performance.now() - beganAt > leaseMs + 500, 10_000);
    expect([...new Set(leases.map(({ state }) => state))]).toEqual(['held']);
    // Not the size of the database: among so many keys Redis may be long in finding the one that the start-up check let run out.
    expect(await bench.raw.keys('*')).toHaveLength(10_000);
  });
});
