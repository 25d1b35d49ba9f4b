import { AsyncLocalStorage } from 'node:async_hooks';
import { get } from 'node:http';
import { Controller, Get, type INestApplication, Inject, Injectable, Module, Param } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { BehaviorSubject, firstValueFrom, Observable, of } from 'rxjs';
import { Locked, LockService } from '../../src/index.js';
import { until } from './support/gate.js';
import { ADAPTERS, memoryLocks, startApp } from './support/start-app.js';

afterEach(() => void jest.restoreAllMocks());

@Controller('items/:id')
class ItemsController {
  calls = 0;

  @Get()
  @Locked('item:<id>')
  async item(@Param('id') id: string) {
    return { id, calls: ++this.calls };
  }

  @Get('late')
  @Locked('item:<id>', { phase: 'handler' })
  async late(@Param('id') id: string) {
    return { id, calls: ++this.calls };
  }

  @Get('by-query')
  @Locked('item:<query.at>')
  async byQuery() {
    return { calls: ++this.calls };
  }
}

/** Not `fetch`, which makes AbortControllers of its own. */
const status = (url: string) =>
  new Promise<number | undefined>((resolve, reject) =>
    get(url, (answer) => answer.resume().on('end', () => resolve(answer.statusCode))).on('error', reject),
  );

describe.each(ADAPTERS)('a request with a lock on %s', (adapter) => {
  const start = (configure?: (app: INestApplication) => void) =>
    startApp({
      adapter,
      controllers: [ItemsController],
      locks: { waitMs: 60_000 },
      ...(configure === undefined ? {} : { configure }),
    });

  it('makes no AbortController, whose making and collecting costs more than the lock', async () => {
    await using running = await start();
    const made = jest.spyOn(globalThis, 'AbortController');
    const joined = jest.spyOn(AbortSignal, 'any');
    expect(await status(`${running.url}/items/1`)).toBe(200);
    expect(await status(`${running.url}/items/1/late`)).toBe(200);
    expect([made.mock.calls.length, joined.mock.calls.length]).toEqual([0, 0]);
  });

  it('uses one AsyncLocalStorage, because Node carries each along with every promise', async () => {
    await using running = await start();
    const run = jest.spyOn(AsyncLocalStorage.prototype, 'run');
    expect(await status(`${running.url}/items/1`)).toBe(200);
    expect(run.mock.calls.length).toBeGreaterThan(1);
    expect(new Set(run.mock.contexts).size).toBe(1);
  });

  it.each(['', '/late'])(
    'does not run its handler when the client left while it waited: items/1%s',
    async (path) => {
      await using running = await start();
      const locks = running.app.get(LockService);
      const lease = await locks.acquire('item:1');
      const request = get(`${running.url}/items/1${path}`).on('error', () => undefined);
      const waiting = async () => (await locks.inspect('item:1')).waitingHere;
      await until(async () => (await waiting()) === 1, 'the request waits');
      request.destroy();
      await until(async () => (await waiting()) === 0, 'the wait has ended');
      await lease.release();
      await locks.using('item:1', () => undefined);
      expect(running.app.get(ItemsController).calls).toBe(0);
    },
  );
});

describe('a request with a lock on express', () => {
  it('reads of the request what its name needs, and no query that would have to be parsed for it', async () => {
    const read: string[] = [];
    await using running = await startApp({
      controllers: [ItemsController],
      configure: (app) =>
        app.use((request: { url: string }, _response: unknown, next: () => void) => {
          Object.defineProperty(request, 'query', { get: () => (read.push(request.url), { at: 'noon' }) });
          next();
        }),
    });
    expect(await status(`${running.url}/items/1`)).toBe(200);
    expect(await status(`${running.url}/items/1/late`)).toBe(200);
    expect(await status(`${running.url}/items/1/by-query`)).toBe(200);
    expect(read).toEqual(['/items/1/by-query']);
  });
});

describe('an Observable with a lock', () => {
  @Injectable()
  class Feeds {
    subscriptions = 0;

    constructor(@Inject(LockService) readonly locks: LockService) {}

    @Locked('feed')
    feed(): Observable<number> {
      this.subscriptions++;
      return of(1);
    }

    @Locked('latest')
    latest(): Observable<number> {
      return new BehaviorSubject(1);
    }
  }

  const startFeeds = async () => {
    @Module({ imports: [memoryLocks()], providers: [Feeds] })
    class FeedsModule {}
    const testing = await Test.createTestingModule({ imports: [FeedsModule] }).compile();
    await testing.init();
    return { feeds: testing.get(Feeds), [Symbol.asyncDispose]: () => testing.close() };
  };

  it('gives the lock back when its subscriber leaves at a value that comes at once', async () => {
    await using started = await startFeeds();
    const { feeds } = started;
    expect(await firstValueFrom(feeds.latest())).toBe(1);
    expect(await feeds.locks.using('latest', () => 'free again', { waitMs: 1_000 })).toBe('free again');
  });

  it('stops waiting when its subscriber leaves, and is not subscribed to afterwards', async () => {
    await using started = await startFeeds();
    const { feeds } = started;
    const lease = await feeds.locks.acquire('feed');
    const heard: unknown[] = [];
    const subscription = feeds.feed().subscribe({ error: (error) => heard.push(error) });
    const waiting = async () => (await feeds.locks.inspect('feed')).waitingHere;
    await until(async () => (await waiting()) === 1, 'the subscriber waits');
    subscription.unsubscribe();
    expect(await waiting()).toBe(0);
    await lease.release();
    await feeds.locks.using('feed', () => undefined);
    expect({ heard, subscriptions: feeds.subscriptions }).toEqual({ heard: [], subscriptions: 0 });
  });
});
