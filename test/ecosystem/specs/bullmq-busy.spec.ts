import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Job, Queue, Worker } from 'bullmq';
import { LockManager, redisStore } from 'nestjs-distributed-lock/engine';
import { delayWhenBusy } from 'nestjs-distributed-lock/bullmq';

import { failureOf } from '../support/failure-of.js';
import { eventually } from '../support/in-time.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const A_JOB = { moveToDelayed: () => Promise.resolve() };

describe('delayWhenBusy', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function run(
    name: string,
    process: (locks: LockManager, job: Job, token?: string) => Promise<unknown>,
  ) {
    const connection = { host: '127.0.0.1', port: redis.port };
    const locks = new LockManager({ store: redisStore({ url: redis.url }) });
    const other = new LockManager({ store: redisStore({ url: redis.url }) });
    const queue = new Queue(name, { connection });
    const held = await other.acquire('account:1');
    const worker = new Worker(name, (job, token) => process(locks, job, token), { connection });
    worker.on('error', () => undefined);
    const { id } = await queue.add('charge', { account: 1 }, { attempts: 1 });
    const job = async () => (await queue.getJob(id!))!;
    const stop = async () => {
      await worker.close();
      await queue.close();
      await Promise.all([locks.close(), other.close()]);
    };
    return { held, job, stop };
  }

  it('puts a job off as long as its lock is busy, uses up none of its attempts, and then it is done', async () => {
    let tries = 0;
    const { held, job, stop } = await run('busy', (locks, given, token) => {
      tries += 1;
      return locks
        .using('account:1', () => 'charged', { waitMs: 0 })
        .catch(delayWhenBusy(given, token, { maxDelayMs: 100 }));
    });
    await eventually(async () => tries >= 3);
    expect((await job()).attemptsMade).toBe(0);
    expect(['delayed', 'active', 'waiting']).toContain(await (await job()).getState());
    await held.release();
    await eventually(async () => (await (await job()).getState()) === 'completed');
    expect((await job()).returnvalue).toBe('charged');
    await stop();
  });

  it('without it the only attempt is used up', async () => {
    const { held, job, stop } = await run('used-up', (locks) =>
      locks.using('account:1', () => 'charged', { waitMs: 0 }),
    );
    await eventually(async () => (await (await job()).getState()) === 'failed');
    expect((await job()).failedReason).toContain('is held by someone else');
    await held.release();
    await stop();
  });

  it('throws every other error on', async () => {
    const { held, job, stop } = await run('other', async (_locks, given, token) => {
      await pause(1);
      return Promise.reject(new Error('no money')).catch(delayWhenBusy(given, token));
    });
    await eventually(async () => (await (await job()).getState()) === 'failed');
    expect((await job()).failedReason).toBe('no money');
    await held.release();
    await stop();
  });

  it.each([
    [[undefined, 'token'], /delayWhenBusy: the first argument must be the job/],
    [[A_JOB, undefined], /the second argument must be the token/],
    [[A_JOB, 'token', { maxDelayMs: 0 }], /maxDelayMs must be a number of ms from 1, got 0/],
  ])('is checked: %#', async (args, message) => {
    const call = async () => delayWhenBusy(...(args as unknown as Parameters<typeof delayWhenBusy>));
    expect((await failureOf(call())).message).toMatch(message);
  });
});
