import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { LockManager, redisStore, type RedisStoreOptions } from '../../lib/index.js';
import { leastPrivilege } from '../support/least-privilege.js';
import { RedisWorkbench, within } from '../support/redis-workbench.js';
import { startRedis } from '../support/start-redis.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

/** What `ready()` says about a server. */
async function startUp(options: RedisStoreOptions): Promise<{ error: unknown; warnings: string[] }> {
  const warnings: string[] = [];
  const locks = new LockManager({ store: redisStore(options) });
  locks.on('warning', ({ message }) => warnings.push(message));
  const error = await locks.ready().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await locks.close();
  return { error, warnings };
}

function as(userName: string): string {
  return bench.url.replace('//', `//${userName}:pw@`);
}

const LEAST_PRIVILEGE = leastPrivilege().join(' ');
/** Sent by ioredis for itself, in part only with a `connectionName`; and when the store closes. */
const NOT_AT_START_UP = new Set(['+ping', '+client|setname', '+unsubscribe']);

async function user(name: string, rights: string): Promise<string> {
  await bench.raw.acl('SETUSER', name, 'reset', 'on', '>pw', ...rights.split(' '));
  return as(name);
}

describe('the start-up check of the Redis store', () => {
  it('says nothing about a server that is as it should be', async () => {
    expect(await startUp({ url: bench.url })).toEqual({ error: undefined, warnings: [] });
  });

  it('says where it looked when nobody is there, within its bound, and that it may come up later', async () => {
    const url = 'redis://user:s3cret@127.0.0.1:1';
    const { error } = await within(1_000, () => startUp({ url, commandMs: 200 }));
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true });
    expect((error as Error).message).toMatch(
      /Redis at redis:\/\/127\.0\.0\.1:1 cannot be reached \(.*ECONNREFUSED.*\); is it running/,
    );
  });

  it('refuses a replica', async () => {
    await using replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(bench.server.port)] });
    const { error } = await startUp({ url: replica.url });
    expect(error).toMatchObject({ code: 'LOCK_STORE_READONLY' });
    expect((error as Error).message).toContain('is a replica; locks need the primary');
  });

  it('refuses a server of a cluster, which is not built yet', async () => {
    await using node = await startRedis({ args: ['--cluster-enabled', 'yes'] });
    const { error } = await startUp({ url: node.url });
    expect(error).toMatchObject({ name: 'LockUsageError', code: 'LOCK_TOPOLOGY' });
  });

  it('warns of an eviction policy that takes locks', async () => {
    await bench.raw.config('SET', 'maxmemory-policy', 'volatile-lru');
    const { error, warnings } = await startUp({ url: bench.url });
    await bench.raw.config('SET', 'maxmemory-policy', 'noeviction');
    expect(error).toBeUndefined();
    expect(warnings).toEqual([
      expect.stringMatching(/maxmemory-policy volatile-lru, which can evict .*set it to noeviction/),
    ]);
  });

  it('refuses a server that is too old, and says which version it needs', async () => {
    const old = createServer((socket) => {
      const info = '# Server\r\nredis_version:5.0.14\r\nloading:0\r\n';
      socket.on('data', (bytes) => {
        const commands = bytes.toString().match(/\*\d+\r\n\$\d+\r\n(\w+)/g) ?? [];
        for (const command of commands)
          socket.write(/info/i.test(command) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
      });
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    const { error } = await startUp({ url: `redis://127.0.0.1:${(old.address() as AddressInfo).port}` });
    old.close();
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED' });
    expect((error as Error).message).toContain('has version 5.0.14; 6.2 or newer is needed');
  });

  it.each([
    ['a wrong password', 'reset on >other +@all ~* &*', /user name or password is wrong/],
    [
      'no right to run scripts',
      LEAST_PRIVILEGE.replace('+eval +evalsha ', ''),
      /does not run Lua scripts .* eval and evalsha/,
    ],
    ['no right to publish', LEAST_PRIVILEGE.replace('+publish ', ''), /grant the permissions: PUBLISH/],
    [
      'no right to two commands',
      LEAST_PRIVILEGE.replace('+zpopmin ', '').replace('+zcard ', ''),
      /ZCARD: .* · ZPOPMIN: /,
    ],
    ['no right to the keys', LEAST_PRIVILEGE.replace('~lock:*', '~other:*'), /LOCK_STORE|permissions/],
    ['no right to the channel', LEAST_PRIVILEGE.replace('&lock:*', '&other:*'), /permissions/],
  ])('names what a user lacks: %s', async (_what, rights, said) => {
    const url = await user('locker', rights);
    const { error } = await startUp({ url, commandMs: 500 });
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED', retryable: false });
    expect((error as Error).message).toMatch(said);
    expect((error as Error).message).not.toContain(':pw@');
  });

  it('a user with exactly the rights that the docs name can lock, wait, renew, force and close', async () => {
    const url = await user('locker', LEAST_PRIVILEGE);
    const { error, warnings } = await startUp({ url });
    expect({ error, warnings }).toEqual({ error: undefined, warnings: [] });
    const [a, b] = [await bench.manager({}, { url }), await bench.manager({}, { url })];
    const lease = await a.acquire('group:1');
    await lease.extend();
    const next = b.acquire('group:1');
    await bench.queued('group:1');
    await lease.release();
    expect((await next).state).toBe('held');
    await a.forceRelease('group:1', 'test');
    await expect(a.isLocked('group:1')).resolves.toBe(false);
  });

  it('behind a keyPrefix the same rights do, with that before the keys', async () => {
    await bench.raw.acl('SETUSER', 'locker', 'reset', 'on', '>pw', ...leastPrivilege('lock', 'app:'));
    const client = new Redis(as('locker'), { keyPrefix: 'app:' });
    bench.afterwards({ close: () => client.disconnect() });
    expect(await startUp({ client })).toEqual({ error: undefined, warnings: [] });
  });

  it.each(leastPrivilege().filter((right) => right.startsWith('+') && !NOT_AT_START_UP.has(right)))(
    'the docs name no right in vain: without %s the start-up check complains',
    async (right) => {
      await bench.raw.script('FLUSH'); // else EVALSHA alone would do
      const { error, warnings } = await startUp({
        url: await user('locker', LEAST_PRIVILEGE.replace(`${right} `, '')),
        commandMs: 300,
      });
      expect([error, ...warnings].filter(Boolean)).not.toEqual([]);
    },
  );

  it('without INFO it says what it could not check, and serves', async () => {
    const url = await user('locker', LEAST_PRIVILEGE.replace('+info ', ''));
    const { error, warnings } = await startUp({ url });
    expect(error).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('does not allow INFO')]);
  });

  it('a check that failed is made again by the next call: the server may have come up', async () => {
    const server = await startRedis();
    await server.kill();
    const locks = new LockManager({ drainMs: 0, store: redisStore({ url: server.url, commandMs: 1_000 }) });
    await expect(locks.tryAcquire('group:1')).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    await server.restart();
    await expect(locks.acquire('group:1')).resolves.toMatchObject({ state: 'held' });
    await locks.close();
    await server.stop();
  });

  it.each([
    [{}, 'exactly one of url, options, client'],
    [{ url: 'redis://a', options: {} }, 'exactly one of url, options, client'],
    [{ url: 'http://a' }, 'must begin with redis://'],
    [{ url: 'redis://a', commandMs: 1.5 }, 'commandMs must be an integer from 50 to 60000 ms, got 1.5'],
    [{ url: 'redis://a', ttl: 1 }, 'option "ttl" is not known'],
    [{ client: {} }, 'client must be an ioredis client, got an object'],
    [{ client: { isCluster: true, duplicate() {} } }, 'a Cluster client is not built yet'],
  ])('refuses redisStore(%j): %s', (options, said) => {
    expect(() => redisStore(options as unknown as RedisStoreOptions)).toThrow(said);
  });
});
