import 'reflect-metadata';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Injectable, Logger } from '@nestjs/common';
import { Cron, Interval, ScheduleModule, Timeout } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { DistributedLockModule, Locked, LockService, memoryStore } from 'nestjs-distributed-lock';
import { OncePerTick } from 'nestjs-distributed-lock/schedule';

import { failureOf } from '../support/failure-of.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

const TICKS = 100;

/**
 * One instance of an application, with its clock off by SKEW_MS: a job a second, over in no time, that notes its tick. JavaScript and by hand, because
 * it runs as it stands.
 */
const INSTANCE = `
const skewMs = Number(process.env.SKEW_MS);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) { super(...(args.length === 0 ? [RealDate.now() + skewMs] : args)); }
  static now() { return RealDate.now() + skewMs; }
};
require('reflect-metadata');
const { Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { Cron, ScheduleModule } = require('@nestjs/schedule');
const { Redis } = require('ioredis');
const { CurrentLease, DistributedLockModule, Locked, LockService } = require('nestjs-distributed-lock');
const { OncePerTick } = require('nestjs-distributed-lock/schedule');

const redis = new Redis(process.env.REDIS_URL);
class Jobs {
  async everySecond(lease) { await redis.rpush('ticks', lease.name); }
  async hold() { await redis.rpush('minutes', 'ran'); }
}
const decorate = (name, ...decorators) => {
  const found = Object.getOwnPropertyDescriptor(Jobs.prototype, name);
  for (const decorator of decorators) decorator(Jobs.prototype, name, found);
  Object.defineProperty(Jobs.prototype, name, found);
};
CurrentLease()(Jobs.prototype, 'everySecond', 0);
decorate('everySecond', OncePerTick('every-second'), Cron('* * * * * *'));
decorate('hold', Locked('job:minute', { onBusy: 'skip', minHoldMs: 20_000 }), Cron('*/30 * * * * *'));
class App {}
Module({
  imports: [ScheduleModule.forRoot(), DistributedLockModule.forRoot({ redis: process.env.REDIS_URL })],
  providers: [Jobs],
})(App);
NestFactory.createApplicationContext(App, { logger: ['error', 'warn'] }).then(async (app) => {
  let skipped = 0;
  app.get(LockService).on('refused', ({ reason }) => { if (reason === 'skipped') skipped += 1; });
  process.on('SIGTERM', async () => {
    await app.close();
    await redis.rpush('skipped', String(skipped));
    process.exit(0);
  });
  console.log('up');
});
`;

describe('cron on three instances', () => {
  let redis: RedisServer;
  const children: ChildProcess[] = [];
  const said: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await redis.stop();
  });

  async function start(skewMs: number): Promise<ChildProcess> {
    const env = { ...process.env, REDIS_URL: redis.url, SKEW_MS: String(skewMs) };
    const child = spawn(process.execPath, ['-e', INSTANCE], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    child.stderr.on('data', (text: Buffer) => void said.push(String(text)));
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (text: Buffer) =>
        String(text).includes('up') ? resolve() : said.push(String(text)),
      );
      child.once('exit', (code) => reject(new Error(`an instance ended with ${code}: ${said.join('')}`)));
    });
    return child;
  }

  async function stop(child: ChildProcess): Promise<void> {
    child.removeAllListeners('exit');
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  it(`runs each of ${TICKS} ticks once, with clocks 5 s before and behind and one that is restarted, and logs no error`, async () => {
    const [ahead, behind] = [await start(5_000), await start(-5_000)];
    let right = await start(0);
    const client = new Redis(redis.port);
    const runs = () => client.lrange('ticks', 0, -1);
    while ((await runs()).length < TICKS / 2) await new Promise((resolve) => setTimeout(resolve, 500));
    await stop(right); // a deploy
    right = await start(0);
    while ((await runs()).length < TICKS) await new Promise((resolve) => setTimeout(resolve, 200));
    for (const child of [ahead, behind, right]) await stop(child);
    const ticks = (await runs()).toSorted();
    const skipped = (await client.lrange('skipped', 0, -1)).map(Number);
    const minutes = await client.llen('minutes');
    client.disconnect();
    const times = ticks.map((name) =>
      /^tick:every-second:(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(name)!.slice(1),
    );
    const seconds = times.map(
      ([year, month, day, ...time]) => Date.parse(`${year}-${month}-${day}T${time.join(':')}Z`) / 1_000,
    );
    expect(new Set(seconds).size).toBe(ticks.length); // none twice
    expect(seconds.at(-1)! - seconds[0]!).toBe(ticks.length - 1); // none left out
    expect(ticks.length).toBeGreaterThanOrEqual(TICKS);
    expect(skipped).toHaveLength(4);
    expect(Math.max(...skipped)).toBeGreaterThan(TICKS / 4); // those who lose are told of
    // A busy machine is late for some: the scheduler says so, and runs them.
    const errors = said
      .join('')
      .split('\n')
      .filter((line) => line !== '' && !line.includes('Missed execution deadline'));
    expect(errors).toEqual([]);
    // And the job with a least time: once per tick of 30 s, though it is done at once.
    expect(minutes).toBeGreaterThanOrEqual(3);
    expect(minutes).toBeLessThanOrEqual(5);
  }, 240_000);
});

describe('@OncePerTick', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  async function started(provider: new () => object) {
    const testing = await Test.createTestingModule({
      imports: [ScheduleModule.forRoot(), DistributedLockModule.forRoot({ store: memoryStore() })],
      providers: [provider],
    }).compile();
    await testing.init();
    return testing;
  }

  it('locks the scheduled time of the expression in its time zone, above or below @Cron', async () => {
    @Injectable()
    class Jobs {
      @OncePerTick('above')
      @Cron('0 0 3 * * *', { timeZone: 'Europe/Berlin' })
      async above(): Promise<string> {
        return 'ran';
      }

      @Cron('0 30 3 * * *', { utcOffset: -210 })
      @OncePerTick('below')
      async below(): Promise<string> {
        return 'ran';
      }
    }
    const testing = await started(Jobs);
    const [jobs, locks] = [testing.get(Jobs), testing.get(LockService)];
    const names: string[] = [];
    locks.on('acquired', ({ name }) => void names.push(name));
    const told: unknown[] = [];
    locks.on('refused', ({ reason, template }) => void told.push([reason, template]));
    jest.spyOn(Date, 'now').mockReturnValue(Date.UTC(2026, 5, 10, 7, 0, 4));
    expect([await jobs.above(), await jobs.above(), await jobs.below()]).toEqual(['ran', undefined, 'ran']);
    expect(names).toEqual(['tick:above:20260610T010000Z', 'tick:below:20260610T070000Z']);
    expect(told).toEqual([['skipped', 'tick:above:<time>']]);
    await testing.close();
  });

  it('a job that fails has run: its error goes to the scheduler, and no other instance runs that tick', async () => {
    @Injectable()
    class Jobs {
      @Cron('0 0 3 * * *')
      @OncePerTick('fails')
      async fails(): Promise<void> {
        throw new Error('no paper');
      }
    }
    const testing = await started(Jobs);
    const jobs = testing.get(Jobs);
    expect((await failureOf(jobs.fails())).message).toBe('no paper');
    expect(await jobs.fails()).toBeUndefined();
    await testing.close();
  });

  it.each([
    [
      '@Interval',
      Interval(1_000),
      /@OncePerTick on Jobs\.run: @Interval counts from the start of each instance.*write @Cron/,
    ],
    ['@Timeout', Timeout(60_000), /@OncePerTick on Jobs\.run: @Timeout counts from the start/],
    ['nothing', () => undefined, /@OncePerTick on Jobs\.run: there is no @Cron on the method/],
  ])('beside %s stops the start and says what to write', async (_what, decorator, message) => {
    @Injectable()
    class Jobs {
      @(decorator as MethodDecorator)
      @OncePerTick('job')
      async run(): Promise<void> {}
    }
    jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    expect((await failureOf(started(Jobs))).message).toMatch(message);
  });

  it.each([
    [[''], /the first argument must be the name of the job, 1 to 200 characters, got ""/],
    [['job', { rememberMs: 10 }], /rememberMs must be an integer from 1000 to 86400000 ms, got 10/],
    [['job', { waitMs: 10 }], /option "waitMs" is not known here; known: rememberMs/],
  ])('%j is refused when the class is defined', (args, message) => {
    const decorator = OncePerTick(...(args as [string]));
    const descriptor = { value: async () => undefined };
    expect(() => decorator(class Jobs {}.prototype, 'run', descriptor)).toThrow(message);
  });
});

describe("@Cron with @Locked(…, { onBusy: 'skip' })", () => {
  it('logs no error when another instance has the job', async () => {
    @Injectable()
    class Jobs {
      @Cron('* * * * * *')
      @Locked('job', { onBusy: 'skip', minHoldMs: 20_000 })
      async run(): Promise<string> {
        return 'ran';
      }
    }
    const logged: unknown[] = [];
    jest.spyOn(Logger.prototype, 'error').mockImplementation((message: unknown) => void logged.push(message));
    const testing = await Test.createTestingModule({
      imports: [ScheduleModule.forRoot(), DistributedLockModule.forRoot({ store: memoryStore() })],
      providers: [Jobs],
    }).compile();
    await testing.init();
    const locks = testing.get(LockService);
    const skipped = new Promise<void>((resolve) => void locks.on('refused', () => resolve()));
    await skipped; // the second tick
    await testing.close();
    expect(logged).toEqual([]);
  });
});
