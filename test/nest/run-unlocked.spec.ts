import { Controller, Get, Injectable, Param } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { from, lastValueFrom, mergeMap, Observable, toArray } from 'rxjs';
import { FaultProxy } from '../../lib/testing/index.js';
import { CurrentLease, DistributedLockModule, type Lease, Locked, LockService } from '../../src/index.js';
import { failureOf } from '../support/failure-of.js';
import { eventually } from '../support/in-time.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { Gate, settled } from './support/gate.js';
import { ADAPTERS, LogBook, startApp } from './support/start-app.js';

const WAIT_MS = 300;
const open = { onStoreFailure: 'run-unlocked', waitMs: WAIT_MS } as const;

/** What callers of one process meet: how many are inside at once. */
class Room {
  inside = 0;
  most = 0;
  readonly seen: string[] = [];
  readonly gate = new Gate();

  async visit(lease: Lease | null | undefined, hold = false): Promise<string> {
    this.most = Math.max(this.most, ++this.inside);
    if (hold) await this.gate.pass();
    else await new Promise((resolve) => setImmediate(resolve));
    this.inside--;
    const how = lease === null ? 'unlocked' : `locked ${lease?.state}`;
    this.seen.push(how);
    return how;
  }
}

@Injectable()
class Orders {
  readonly room = new Room();

  @Locked('order:<0>', open)
  async pay(_id: string, hold = false, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease, hold);
  }

  @Locked('order:<0>', { ...open, waitMs: 20_000 })
  async patient(_id: string, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease);
  }

  @Locked('order:<0>', { ...open, leaseMs: 400, renew: false })
  async brief(_id: string, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease, true);
  }

  @Locked('order:<0>', { ...open, mode: 'shared' })
  async read(_id: string, hold = false, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease, hold);
  }

  @Locked('order:<0>')
  async strict(_id: string, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease);
  }

  @Locked('order:<0>', { ...open, waitMs: undefined as never, onBusy: 'reject' })
  async atOnce(_id: string, @CurrentLease() lease?: Lease | null) {
    return this.room.visit(lease);
  }

  @Locked(['order:<0>', 'stock'], open)
  async both(id: string, inner: (orders: Orders) => Promise<unknown>): Promise<unknown> {
    this.room.seen.push(`outer ${id}`);
    return inner(this);
  }

  @Locked('order:<0>', open)
  parts(id: string): Observable<string> {
    return from([1, 2]).pipe(
      mergeMap(async (part) => `${id}.${part} ${await this.room.visit(null, true)}`, 1),
    );
  }
}

async function application(url: string) {
  const logs = new LogBook();
  const testing = await Test.createTestingModule({
    imports: [DistributedLockModule.forRoot({ redis: url, drainMs: 100 })],
    providers: [Orders],
  })
    .setLogger(logs)
    .compile();
  await testing.init();
  const locks = testing.get(LockService);
  const events: object[] = [];
  locks.on('runsUnlocked', ({ names, label, error }) => events.push({ names, label, code: error.code }));
  const orders = testing.get(Orders);
  const warnings = () => logs.texts('warn').filter((text) => text.includes('without its lock'));
  return { orders, room: orders.room, locks, events, warnings, [Symbol.asyncDispose]: () => testing.close() };
}

describe("onStoreFailure: 'run-unlocked', on a Redis that ends", () => {
  let redis: RedisServer;
  beforeEach(async () => {
    await redis?.stop();
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('locks as ever while the store serves', async () => {
    await using app = await application(redis.url);
    expect(await Promise.all([app.orders.pay('1'), app.orders.pay('1')])).toEqual([
      'locked held',
      'locked held',
    ]);
    expect([app.room.most, app.events, app.warnings()]).toEqual([1, [], []]);
  });

  it('runs without the lock and without a lease, one caller of the process after the other, and tells it each time', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const calls = Array.from({ length: 5 }, () => app.orders.pay('1'));
    expect(await Promise.all([...calls, app.orders.pay('2')])).toEqual(Array(6).fill('unlocked'));
    expect(app.room.most).toBeLessThanOrEqual(2); // one for each order
    expect(app.events).toHaveLength(6);
    expect(app.events).toContainEqual({
      names: ['order:2'],
      label: 'Orders.pay',
      code: 'LOCK_STORE_UNAVAILABLE',
    });
    expect(app.warnings()).toHaveLength(6);
    expect(app.warnings()[0]).toMatch(
      /^Orders\.pay runs without its lock "order:\d", as onStoreFailure: 'run-unlocked' says: /,
    );
    expect(await failureOf(app.orders.strict('1'))).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
  });

  it('excludes each other, five of one name at once', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    await Promise.all(Array.from({ length: 5 }, () => app.orders.pay('1')));
    expect([app.room.seen, app.room.most]).toEqual([Array(5).fill('unlocked'), 1]);
  });

  it('waits for waitMs first: a store that comes back meanwhile is used', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const call = app.orders.patient('1');
    await redis.restart();
    expect(await call).toBe('locked held');
    expect(app.events).toEqual([]);
  });

  it('asks once and then runs, where the call does not wait', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    expect(await app.orders.atOnce('1')).toBe('unlocked');
  });

  it('never runs when the lock is busy: of another process, or in this one while the store is away', async () => {
    await using app = await application(redis.url);
    await using other = await application(redis.url);
    const lease = await other.locks.acquire('order:1');
    expect(await failureOf(app.orders.pay('1'))).toMatchObject({ code: 'LOCK_BUSY' });
    await lease.release();
    const holding = app.orders.pay('1', true);
    await app.room.gate.arrived();
    await redis.kill();
    expect(await failureOf(app.orders.pay('1'))).toMatchObject({ code: 'LOCK_BUSY' });
    await app.room.gate.open();
    expect(await holding).toBe('locked held');
    expect(app.events).toEqual([]);
  });

  it('gives up with LOCK_BUSY after another waitMs when somebody of this process runs unlocked and does not end', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const first = app.orders.pay('1', true);
    await app.room.gate.arrived();
    expect(await failureOf(app.orders.pay('1'))).toMatchObject({ code: 'LOCK_BUSY' });
    await app.room.gate.open();
    expect(await first).toBe('unlocked');
    expect(app.events).toHaveLength(1);
  });

  it('never runs for a conflict, a missing value, a closed service, nor again after a loss', async () => {
    await using app = await application(redis.url);
    const client = new Redis(redis.url);
    await client.set('lock:{order:9}', 'not a lock');
    expect(await failureOf(app.orders.pay('9'))).toMatchObject({ code: 'LOCK_KEY_CONFLICT' });
    client.disconnect();
    expect(await failureOf(app.orders.pay(undefined as never))).toMatchObject({
      code: 'LOCK_TEMPLATE_UNRESOLVED',
    });
    const lost = app.orders.pay('1', true);
    await app.room.gate.arrived();
    const told = new Promise((resolve) => app.locks.on('lost', resolve));
    expect(await app.locks.forceRelease('order:1', 'a test')).not.toBeNull();
    await told;
    await app.room.gate.open();
    expect(await failureOf(lost)).toMatchObject({ code: 'LOCK_LOST' });
    expect(app.room.seen).toEqual(['locked lost']);
    await app.locks.close();
    expect(await failureOf(app.orders.pay('1'))).toMatchObject({ code: 'LOCK_CLOSED' });
    expect(app.events).toEqual([]);
  });

  it('runs where the server has become a replica (LOCK_STORE_READONLY)', async () => {
    await using app = await application(redis.url);
    const client = new Redis(redis.url);
    await client.call('REPLICAOF', '127.0.0.1', '1');
    client.disconnect();
    expect(await app.orders.pay('1')).toBe('unlocked');
    expect(app.events).toEqual([{ names: ['order:1'], label: 'Orders.pay', code: 'LOCK_STORE_READONLY' }]);
  });

  it('one who is granted the lock by a store that has come back waits for the unlocked run, however it asked', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const unlocked = app.orders.pay('1', true);
    await app.room.gate.arrived();
    await redis.restart();
    await eventually(async () => {
      await app.locks.ready();
      return app.locks.using('other', () => true).catch(() => false);
    });
    expect(await app.locks.tryAcquire('order:1')).toBeNull();
    expect(await failureOf(app.orders.pay('1'))).toMatchObject({ code: 'LOCK_BUSY' });
    const granted = [app.orders.patient('1'), app.locks.using('order:1', (lease) => app.room.visit(lease))];
    await settled();
    expect(app.room.seen).toEqual([]);
    await app.room.gate.open();
    expect(await unlocked).toBe('unlocked');
    expect(await Promise.all(granted)).toEqual(['locked held', 'locked held']);
    expect(app.room.most).toBe(1);
    expect(await app.locks.isLocked('order:1')).toBe(false);
  });

  it('waits for those of this process that got the lock while the store served, also when they lost it since', async () => {
    await using app = await application(redis.url);
    const writing = app.orders.brief('1');
    await app.room.gate.arrived();
    await redis.kill();
    const lost = new Promise((resolve) => app.locks.on('lost', resolve));
    const reading = app.orders.read('1');
    expect(await failureOf(app.orders.read('1'))).toMatchObject({ code: 'LOCK_BUSY' });
    expect(await failureOf(reading)).toMatchObject({ code: 'LOCK_BUSY' });
    await lost;
    const next = app.orders.read('1');
    await eventually(() => app.locks.held().length === 0);
    await settled();
    expect(app.room.seen).toEqual([]);
    await app.room.gate.open();
    expect(await failureOf(writing)).toMatchObject({ code: 'LOCK_LOST' });
    expect(await next).toBe('unlocked');
    expect(app.room.most).toBe(1);
  });

  it('lets in together who would be: readers, and two names', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const readers = [app.orders.read('1', true), app.orders.read('1', true)];
    await app.room.gate.arrived(2);
    await Promise.all([app.room.gate.open(), app.room.gate.open()]);
    expect(await Promise.all(readers)).toEqual(['unlocked', 'unlocked']);
  });

  it('is entered again by its own call chain at once; what that starts side by side goes one after the other', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const inner = (orders: Orders) => Promise.all([orders.pay('1'), orders.pay('1'), orders.pay('1')]);
    expect(await app.orders.both('1', inner)).toEqual(Array(3).fill('unlocked'));
    expect(app.room.most).toBe(1);
    expect(app.events).toEqual([
      { names: ['order:1', 'stock'], label: 'Orders.both', code: 'LOCK_STORE_UNAVAILABLE' },
    ]);
  });

  it('does not wait for its own call chain where the store has come back meanwhile', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const inner = async (orders: Orders) => {
      await redis.restart();
      await eventually(() => app.locks.using('other', () => true).catch(() => false));
      return [await orders.strict('1'), await orders.pay('1')];
    };
    expect(await app.orders.both('1', inner)).toEqual(['locked held', 'unlocked']);
  });

  it('excludes others until its Observable has ended', async () => {
    await using app = await application(redis.url);
    await redis.kill();
    const parts = lastValueFrom(app.orders.parts('1').pipe(toArray()));
    await app.room.gate.open();
    await app.room.gate.arrived();
    const next = app.orders.patient('1');
    await settled();
    expect(app.room.seen).toEqual(['unlocked']);
    await app.room.gate.open();
    expect(await parts).toEqual(['1.1 unlocked', '1.2 unlocked']);
    await redis.restart();
    expect(await next).toBe('locked held');
    expect(app.room.most).toBe(1);
  });
});

describe("onStoreFailure: 'run-unlocked', on a Redis that answers late", () => {
  let redis: RedisServer;
  let proxy: FaultProxy;
  beforeAll(async () => {
    redis = await startRedis();
    proxy = await FaultProxy.listen({ host: '127.0.0.1', port: redis.port });
  });
  afterAll(async () => {
    await proxy.close();
    await redis.stop();
  });

  it('undoes a grant whose answer comes after the run began: it is not left to run out', async () => {
    await using app = await application(proxy.url);
    const client = new Redis(redis.url);
    proxy.delayDownMs = 3 * WAIT_MS;
    const unlocked = app.orders.pay('1', true);
    await app.room.gate.arrived();
    expect(app.events).toHaveLength(1);
    // What a clean release leaves: so it was granted, and given back, while the method runs.
    await eventually(async () => (await client.get('lock:{order:1}'))?.startsWith('f') === true);
    expect(app.room.inside).toBe(1);
    await app.room.gate.open();
    expect(await unlocked).toBe('unlocked');
    expect(app.locks.held()).toEqual([]);
    proxy.delayDownMs = 0;
    client.disconnect();
  });
});

describe.each(ADAPTERS)("onStoreFailure: 'run-unlocked' on a route, on %s", (adapter) => {
  @Controller('orders/:id')
  class Routes {
    readonly room = new Room();

    @Get()
    @Locked('order:<id>', open)
    async show(@Param('id') _id: string, @CurrentLease() lease: Lease | null) {
      return { how: await this.room.visit(lease) };
    }

    @Get('late')
    @Locked('order:<id>', { ...open, phase: 'handler' })
    async late(@Param('id') _id: string, @CurrentLease() lease: Lease | null) {
      return { how: await this.room.visit(lease) };
    }
  }

  it('answers as ever, in both phases, one request after the other', async () => {
    await using redis = await startRedis();
    const imports = [DistributedLockModule.forRoot({ redis: redis.url })];
    await using running = await startApp({ adapter, controllers: [Routes], imports });
    const ask = async (path: string) => {
      const answer = await fetch(`${running.url}/orders/7${path}`);
      return [answer.status, await answer.json()] as unknown;
    };
    expect(await ask('')).toEqual([200, { how: 'locked held' }]);
    await redis.kill();
    const answers = await Promise.all(['', '/late', '', '/late'].map(ask));
    expect(answers).toEqual(Array(4).fill([200, { how: 'unlocked' }]));
    expect(running.app.get(Routes).room.most).toBe(1);
    expect(running.logs.texts('warn').filter((text) => text.includes('without its lock'))).toHaveLength(4);
  });
});
