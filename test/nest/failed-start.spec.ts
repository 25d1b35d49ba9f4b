import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager, redisStore } from '../../lib/index.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

describe('a process whose application', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const loader = new URL('../support/run-typescript.mjs', import.meta.url).href;
  const script = new URL('../support/failed-start.child.ts', import.meta.url).pathname;
  const start = (url: string, story: string, port = '') =>
    promisify(execFile)(process.execPath, ['--import', loader, script, url, story, port], {
      timeout: 18_000,
    });
  /** What it said before it ended by itself. */
  const said = async (...args: Parameters<typeof start>) => (await start(...args)).stdout;

  it.each([
    ['is refused by its store', 'refused', 'LOCK_STORE_UNSUPPORTED\n'],
    ['has a wrong template', 'template', 'LOCK_TEMPLATE_INVALID\n'],
    ['has a module that fails in onModuleInit', 'module', 'THEIR_MODULE\n'],
    ['has a module that fails in onApplicationBootstrap', 'bootstrap', 'THEIR_BOOTSTRAP\n'],
  ])('%s ends by itself', async (_what, story, expected) => {
    const url = story === 'refused' ? redis.url.replace('//', '//nobody:wrong@') : redis.url;
    expect(await said(url, story)).toBe(expected);
  });

  it('has a module that fails while Redis is away, and starts without it, ends by itself', async () => {
    expect(await said('redis://127.0.0.1:1', 'module, Redis away')).toBe('THEIR_MODULE\n');
  });

  it('finds its port taken ends by itself', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    expect(await said(redis.url, 'listen', String(port))).toBe('EADDRINUSE\n');
    taken.close();
  });

  it('does nothing but wait for a lock lives on until it is granted', async () => {
    const locks = new LockManager({ store: redisStore({ url: redis.url }) });
    const lease = await locks.acquire('held');
    const running = start(redis.url, 'waits');
    running.child.stdout!.on('data', (text) => {
      if (String(text).includes('waiting')) void lease.release();
    });
    expect((await running).stdout).toBe('started\nwaiting\ngranted\n');
    await locks.close();
  });

  it('asks for a lock before it has started gets its answer', async () => {
    expect(await said(redis.url, 'asks in init')).toBe('granted\nstarted\n');
  });
});
