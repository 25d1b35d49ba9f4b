import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager, redisStore } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  const events = ['--loading-process-events-interval-bytes', '1024']; // else it says nothing while it loads
  await bench.start({
    args: ['--enable-debug-command', 'yes', '--lua-time-limit', '20', '--save', '3600', '100000', ...events],
  });
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const COMMAND_MS = 300;
const LAZY = { lazyConnect: true };

const here = (options = {}) => bench.manager(options, { url: bench.url, commandMs: COMMAND_MS });

async function meddled() {
  const redis = new MeddledRedis(bench.url);
  const locks = await bench.manager({}, { client: redis.client, commandMs: COMMAND_MS });
  return { redis, locks };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
  );

/** Until the server is in that state, as a client of no importance is told. */
async function refuses(word: string): Promise<void> {
  const client = new Redis(bench.url, { enableReadyCheck: false, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const answer = () =>
    client.eval("return redis.call('SET', 'somebody', 'x', 'PX', 1)", 1, 'somebody').catch(String);
  await eventually(async () => (await answer())?.toString().includes(word) ?? false);
  client.disconnect();
}

interface State {
  readonly word: string;
  readonly code: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
}

const set = (name: string, value: string) => () => bench.raw.config('SET', name, value);
const inTheWay = () => join(bench.server.folder, 'dump.rdb');
let script: Promise<unknown> = Promise.resolve();
let reload: Promise<unknown> = Promise.resolve();

const STATES: readonly State[] = [
  {
    word: 'BUSY',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: async () => {
      const client = new Redis(bench.url);
      script = client.eval('while true do end', 0).catch(() => client.disconnect());
    },
    end: async () => {
      await bench.raw.script('KILL');
      await script;
    },
  },
  {
    word: 'LOADING',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: async () => {
      await bench.raw.call('DEBUG', 'POPULATE', 50_000, 'filler', 50);
      await bench.raw.config('SET', 'key-load-delay', '200');
      const client = new Redis(bench.url);
      reload = client.call('DEBUG', 'RELOAD').finally(() => client.disconnect());
    },
    end: async () => {
      await bench.raw.config('SET', 'key-load-delay', '0');
      await reload;
    },
  },
  {
    word: 'MISCONF',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: async () => {
      rmSync(inTheWay(), { force: true });
      mkdirSync(inTheWay());
      await bench.raw.bgsave();
    },
    end: async () => {
      rmSync(inTheWay(), { recursive: true });
      await bench.raw.bgsave();
    },
  },
  {
    word: 'NOREPLICAS',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: set('min-replicas-to-write', '1'),
    end: set('min-replicas-to-write', '0'),
  },
  {
    word: 'OOM',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: set('maxmemory', '1'),
    end: set('maxmemory', '0'),
  },
  {
    word: 'READONLY',
    code: 'LOCK_STORE_READONLY',
    begin: () => bench.raw.call('REPLICAOF', '127.0.0.1', '1'),
    end: () => bench.raw.call('REPLICAOF', 'NO', 'ONE'),
  },
  {
    word: 'MASTERDOWN',
    code: 'LOCK_STORE_UNAVAILABLE',
    begin: async () => {
      await bench.raw.config('SET', 'replica-serve-stale-data', 'no');
      await bench.raw.call('REPLICAOF', '127.0.0.1', '1');
    },
    end: async () => {
      await bench.raw.call('REPLICAOF', 'NO', 'ONE');
      await bench.raw.config('SET', 'replica-serve-stale-data', 'yes');
    },
  },
];

/** The server is in that state until `work` says that it passes. */
async function during(
  { word, begin, end }: State,
  work: (passes: () => Promise<void>) => Promise<void>,
): Promise<void> {
  let ended = false;
  const passes = async () => {
    if (ended) return;
    ended = true;
    await end();
  };
  await begin();
  try {
    await refuses(word);
    await work(passes);
  } finally {
    await passes();
  }
}

describe.each(STATES)('a server that answers $word for a while', (state) => {
  const { word, code } = state;

  it('keeps nobody from a lock who waits until it has passed, and says so to one who does not', async () => {
    const locks = await here();
    const before = await locks.using('group:1', ({ fencingToken }) => fencingToken);
    await during(state, async (passes) => {
      const patient = locks.acquire('group:1', { waitMs: 20_000 });
      patient.catch(() => undefined);
      const impatient = outcome(locks.acquire('group:2', { waitMs: 100 }));
      const trying = outcome(locks.tryAcquire('group:3'));
      for (const refused of [await impatient, await trying]) {
        expect(refused).toMatch(new RegExp(`^${code}: `));
        expect(refused).toContain(word);
      }
      await sleep(2 * COMMAND_MS);
      await passes();
      const { fencingToken, state: leaseState } = await patient;
      expect(leaseState).toBe('held');
      expect(fencingToken).toBeGreaterThan(before);
    });
  });
});

describe('a state that passes', () => {
  const clients = {
    'ioredis 6': () => new Redis(bench.url, LAZY),
    'ioredis 5': () => new Redis5(bench.url, LAZY),
  };
  const startedIn = STATES.filter(({ word }) => word !== 'READONLY' && word !== 'MASTERDOWN');

  describe.each(Object.entries(clients))('with %s', (_version, client) => {
    it.each(startedIn)('keeps nobody from a lock who starts meanwhile: $word', async (state) => {
      await during(state, async (passes) => {
        const store = redisStore({ client: client(), commandMs: COMMAND_MS });
        const locks = new LockManager({ drainMs: 0, store });
        bench.afterwards(locks);
        locks.on('warning', () => undefined);
        const waiting = outcome(locks.acquire('group:1', { waitMs: 20_000 }).then((lease) => lease.state));
        expect(await outcome(locks.acquire('group:2', { waitMs: 200 }))).toContain(state.word);
        await sleep(COMMAND_MS);
        await passes();
        expect(await waiting).toBe('held');
      });
    });
  });

  it.each(['CLUSTERDOWN The cluster is down', 'TRYAGAIN Multiple keys request during rehashing of slot'])(
    'within the bound of a request that does not wait ends nothing: %s',
    async (text) => {
      const { redis, locks } = await meddled();
      const lease = await locks.acquire('group:1');
      const states = (['acquire', 'release', 'renew', 'inspect', 'force'] as const).map((each) =>
        redis.refuse(each, text),
      );
      const asked = [
        outcome(locks.tryAcquire('group:2').then((each) => each?.state)),
        outcome(lease.extend().then(() => 'extended')),
        outcome(lease.release()),
        outcome(locks.isLocked('group:3')),
        outcome(locks.forceRelease('group:3', 'test')),
      ];
      await eventually(() => redis.sent.filter((each) => each === 'acquire').length > 2);
      for (const state of states) state.letGo();
      expect(await Promise.all(asked)).toEqual(['held', 'extended', 'released', false, null]);
    },
  );

  it('is asked about at growing distances', async () => {
    const { redis, locks } = await meddled();
    await locks.using('warm-up', () => 1);
    const asked = redis.sent.length;
    redis.refuse('acquire', 'CLUSTERDOWN The cluster is down');
    expect(await outcome(locks.acquire('group:1', { waitMs: 1_500 }))).toMatch(
      /^LOCK_STORE_UNAVAILABLE: .*CLUSTERDOWN/,
    );
    expect(redis.sent.length - asked).toBeGreaterThan(3);
    expect(redis.sent.length - asked).toBeLessThan(10);
  });

  it('is told with what the server said, also when it said nothing any more to a last try', async () => {
    const { redis, locks } = await meddled();
    const refused = redis.refuse('acquire', 'CLUSTERDOWN The cluster is down');
    const trying = outcome(locks.tryAcquire('group:1'));
    await eventually(() => redis.sent.filter((each) => each === 'acquire').length > 1);
    const silent = redis.holdBack('acquire');
    refused.letGo();
    await silent.held;
    expect(await trying).toMatch(/^LOCK_STORE_UNAVAILABLE: .*CLUSTERDOWN/);
    await silent.letGo();
  });

  it('leaves nothing to undo: nothing was executed', async () => {
    const { redis, locks } = await meddled();
    redis.refuse('acquire', 'BUSY Redis is busy running a script.');
    await outcome(locks.acquire('group:1', { waitMs: 100 }));
    await outcome(locks.tryAcquire('group:1'));
    await sleep(50);
    expect(redis.sent).not.toContain('release');
  });

  it('of one request among others is a matter of that one', async () => {
    const { redis, locks } = await meddled();
    const refused = redis.changeReply(
      'acquire',
      (reply) => `${String(reply)}\n\n-8 OOM command not allowed\n`,
    );
    const leases = await Promise.all(['group:1', 'group:2', 'group:3'].map((name) => locks.tryAcquire(name)));
    await refused;
    expect(leases.map((lease) => lease?.state)).toEqual(['held', 'held', 'held']);
    const [, keys, first] = redis.bytes.get('acquire')!;
    expect([keys, first]).toEqual([2, 'lock:{group:2}']);
  });

  it('takes no place in the queue from those who have one', async () => {
    const holder = await here();
    const held = await holder.acquire('group:1');
    const first = await here();
    const second = await here();
    const order: string[] = [];
    const run = (locks: LockManager, who: string) =>
      locks.using('group:1', () => void order.push(who), { waitMs: 20_000 });
    const one = run(first, 'first');
    await bench.queued('group:1');
    await bench.raw.config('SET', 'min-replicas-to-write', '1');
    const two = run(second, 'second');
    await sleep(COMMAND_MS);
    await bench.raw.config('SET', 'min-replicas-to-write', '0');
    await bench.queued('group:1', 2);
    await held.release();
    await Promise.all([one, two]);
    expect(order).toEqual(['first', 'second']);
  });

  it('is none when nobody will end it by waiting: a missing permission is told at once', async () => {
    const { redis, locks } = await meddled();
    redis.refuse('acquire', "NOPERM this user has no permissions to run the 'evalsha' command");
    expect(await outcome(locks.acquire('group:1', { waitMs: 20_000 }))).toMatch(/^LOCK_STORE_UNSUPPORTED/);
    expect(redis.sent.filter((each) => each === 'acquire')).toHaveLength(1);
  });
});
