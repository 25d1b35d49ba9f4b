import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  type PipeTransform,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../lib/testing/index.js';
import {
  CurrentLease,
  DistributedLockModule,
  type DistributedLockOptions,
  type DistributedLockOptionsFactory,
  type Lease,
  Locked,
  LockKey,
  LockService,
  type LockStore,
  LockStoreError,
  LockUsageError,
  memoryStore,
} from '../../src/index.js';
import { until } from './support/gate.js';
import { LogBook, memoryLocks, startApp, startUpError } from './support/start-app.js';

/** A memory store that is away until `come` is called. */
function absentStore() {
  let present = false;
  const store = memoryStore();
  const ready = store.ready.bind(store);
  const unreachable = () =>
    new LockStoreError('LOCK_STORE_UNAVAILABLE', 'nobody answers at redis://user:secret@nowhere');
  store.ready = () => (present ? ready() : Promise.reject(unreachable()));
  return { store, come: () => (present = true) };
}

async function init(imports: unknown[], logs = new LogBook()) {
  const testing = await Test.createTestingModule({ imports: imports as never[] })
    .setLogger(logs)
    .compile();
  // Nest 11 answers `close` with the error of a start that failed.
  return Object.assign(testing, { [Symbol.asyncDispose]: () => testing.close().catch(() => undefined) });
}

describe('forRoot and forRootAsync', () => {
  @Injectable()
  class LockConfig implements DistributedLockOptionsFactory {
    createDistributedLockOptions(): DistributedLockOptions {
      return { store: memoryStore(), leaseMs: 7_000 };
    }
  }

  @Module({ providers: [LockConfig], exports: [LockConfig] })
  class ConfigModule {}

  const leaseMsOf = async (module: unknown) => {
    await using testing = await init([module]);
    await testing.init();
    return await testing.get(LockService).using('x', (lease) => lease.leaseMs);
  };

  it.each([
    ['options', () => DistributedLockModule.forRoot({ store: memoryStore(), leaseMs: 7_000 })],
    [
      'useFactory',
      () =>
        DistributedLockModule.forRootAsync({ useFactory: () => ({ store: memoryStore(), leaseMs: 7_000 }) }),
    ],
    [
      'useFactory with inject',
      () =>
        DistributedLockModule.forRootAsync({
          imports: [ConfigModule],
          inject: [LockConfig],
          useFactory: async (config: LockConfig) => config.createDistributedLockOptions(),
        }),
    ],
    ['useClass', () => DistributedLockModule.forRootAsync({ useClass: LockConfig })],
    [
      'useExisting',
      () => DistributedLockModule.forRootAsync({ imports: [ConfigModule], useExisting: LockConfig }),
    ],
  ])('take options from %s', async (_what, module) => {
    expect(await leaseMsOf(module())).toBe(7_000);
  });

  it.each([
    ['an unknown option', { ttl: 5 }, 'option "ttl" is not known here'],
    ['redis and store', { redis: 'redis://x', store: memoryStore() }, 'both "redis" and "store" are given'],
    [
      'an unknown startup',
      { store: memoryStore(), startup: 'later' },
      "startup must be 'require' or 'background'",
    ],
    ['a wrong lease', { store: memoryStore(), leaseMs: 5 }, 'leaseMs must be an integer from 100'],
    ['an impossible redis', { redis: 5 }, 'redis must be a URL, ioredis options or an ioredis client, got 5'],
    ['nothing from the factory', undefined, 'did useFactory forget to return them?'],
    [
      'name in the wrong place',
      { store: memoryStore(), name: 'x' },
      'option "name" belongs beside useFactory',
    ],
  ])('refuse %s', async (_what, options, message) => {
    const module = DistributedLockModule.forRootAsync({
      useFactory: () => options as DistributedLockOptions,
    });
    await expect(init([module])).rejects.toThrow(message);
  });

  it('refuse to register one service twice, and a named one without the default one', async () => {
    await using twice = await init([memoryLocks(), memoryLocks()]);
    await expect(twice.init()).rejects.toThrow('registers the lock service "default" twice');
    await using alone = await init([DistributedLockModule.forRoot({ name: 'jobs', store: memoryStore() })]);
    await expect(alone.init()).rejects.toThrow('registers the lock service "jobs" but no default one');
    expect(() => DistributedLockModule.forRoot({ name: '' })).toThrow('name must be a non-empty string');
  });

  it('with one static store serve the next application when the first was closed; before that the error says what to write', async () => {
    const store = memoryStore();
    const module = DistributedLockModule.forRoot({ store });
    const first = await init([module]);
    await first.init();
    const left = await first.get(LockService).acquire('x', { waitMs: 0 });
    await expect(init([module])).rejects.toThrow(
      /this memory store already serves .*await app\.close\(\).*memoryStore\(\) in useFactory of forRootAsync/,
    );
    await left.release();
    await first.close();
    await using second = await init([module]);
    await second.init();
    const lease = await second.get(LockService).acquire('x', { waitMs: 0 });
    expect(lease.fencingToken).toBeGreaterThan(left.fencingToken);
    await lease.release();
    await expect(first.get(LockService).acquire('x')).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
  });

  it('make an application that uses @Locked without the module fail to start, and say what is missing', async () => {
    @Injectable()
    class Orders {
      @Locked('order:<id>')
      async pay(id: string) {
        return id;
      }
    }
    const testing = Test.createTestingModule({ providers: [Orders] });
    await expect(testing.setLogger(new LogBook()).compile()).rejects.toThrow(
      /Orders.*@Locked needs DistributedLockModule\.forRoot\(\)/s,
    );
  });

  it('keep the service inside the importing module with isGlobal: false', async () => {
    @Module({})
    class Elsewhere {
      constructor(@Inject(LockService) readonly locks: LockService) {}
    }
    await expect(init([memoryLocks(), Elsewhere])).resolves.toBeDefined();
    await expect(
      init([DistributedLockModule.forRoot({ store: memoryStore(), isGlobal: false }), Elsewhere]),
    ).rejects.toThrow('LockService');
  });
});

describe('start-up with a store', () => {
  const environment = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  it('in memory is refused in production unless told otherwise', async () => {
    process.env['NODE_ENV'] = 'production';
    const start = async (store: () => LockStore) => {
      await using testing = await init([
        DistributedLockModule.forRootAsync({ useFactory: () => ({ store: store() }) }),
      ]);
      await testing.init();
    };
    await expect(start(() => memoryStore())).rejects.toThrow('production');
    await expect(start(() => memoryStore({ allowInProduction: true }))).resolves.toBeUndefined();
  });

  it('that does not answer fails after 10 s and names the address without its password and the remedies', async () => {
    const clock = new ManualClock();
    const { store } = absentStore();
    await using testing = await init([memoryLocks({ store, clock })]);
    const failure = testing.init().then(
      () => 'started',
      (error: Error) => error,
    );
    await clock.advanceAsync(9_000);
    expect(clock.pendingForegroundTimers).toBeGreaterThan(0);
    await clock.advanceAsync(1_000);
    const error = (await failure) as LockStoreError;
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    expect(error.message).toMatch(
      /^DistributedLockModule: the lock store at the memory store cannot serve within 10 s: nobody answers/,
    );
    expect(error.message).toContain("startup: 'background'");
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('secret');
    expect(clock.pendingForegroundTimers).toBe(0);
  });

  it.each([
    ['ECONNREFUSED', /Start it \(for example: redis-server --port 6379\), set REDIS_URL/],
    ['ENOTFOUND', /^(?!.*Start it).* Set REDIS_URL or the option `redis` to where it is/],
  ])('that meets %s is told to be started only if nobody listens', async (code, said) => {
    const clock = new ManualClock();
    const store = memoryStore();
    const cause = Object.assign(new Error(code), { code });
    store.ready = () =>
      Promise.reject(new LockStoreError('LOCK_STORE_UNAVAILABLE', 'cannot be reached', { cause }));
    await using testing = await init([memoryLocks({ store, clock })]);
    const failure = testing.init().catch((error: Error) => error.message);
    await clock.advanceAsync(10_000);
    expect(await failure).toMatch(said);
  });

  it('that is of the wrong kind says so with the code of that, at once', async () => {
    const store = memoryStore();
    store.ready = () => Promise.reject(new LockUsageError('LOCK_TOPOLOGY', 'a cluster; give one server'));
    await using testing = await init([memoryLocks({ store, clock: new ManualClock() })]);
    const error = await testing.init().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'LockUsageError', code: 'LOCK_TOPOLOGY', retryable: false });
    expect((error as Error).message).toMatch(/cannot serve: a cluster; give one server\.$/);
  });

  it('of somebody else, which fails with a URL, shows no password of it', async () => {
    const clock = new ManualClock();
    const store = memoryStore();
    store.ready = () =>
      Promise.reject(new TypeError('connect redis://user:secret@nowhere?password=secret failed'));
    await using testing = await init([memoryLocks({ store, clock })]);
    const failure = testing.init().catch((error: unknown) => error);
    await clock.advanceAsync(10_000);
    const printed = inspect(await failure, { depth: Infinity, showHidden: true });
    expect(printed).toContain('nowhere');
    expect(printed).not.toContain('secret');
  });

  it.each([
    ['option "redis"', { redis: 'user:secret@host' }],
    ['the environment variable REDIS_URL', {}],
  ])('whose URL is wrong says where that stands: %s', async (where, options) => {
    process.env['REDIS_URL'] = 'user:secret@host';
    const failure = startUpError({ imports: [DistributedLockModule.forRoot(options)] });
    const message = await failure.finally(() => delete process.env['REDIS_URL']);
    expect(message).toContain(
      `DistributedLockModule.forRoot (default): ${where}: redisStore: url must begin with`,
    );
    expect(message).not.toContain('secret');
  });

  it('that comes within 10 s starts as if nothing had been', async () => {
    const clock = new ManualClock();
    const { store, come } = absentStore();
    await using testing = await init([memoryLocks({ store, clock })]);
    const started = testing.init();
    await clock.advanceAsync(3_000);
    come();
    await clock.advanceAsync(500);
    await expect(started).resolves.toBe(testing);
    expect(clock.pendingForegroundTimers).toBe(0);
  });

  it('that can never serve fails at once', async () => {
    const store = memoryStore();
    store.ready = () =>
      Promise.reject(new LockStoreError('LOCK_STORE_UNSUPPORTED', 'missing permission: evalsha'));
    await using testing = await init([memoryLocks({ store, clock: new ManualClock() })]);
    await expect(testing.init()).rejects.toThrow('cannot serve: missing permission: evalsha.');
  });

  it("that is away does not stop startup: 'background', which warns, and tells when it comes", async () => {
    const clock = new ManualClock();
    const logs = new LogBook();
    const { store, come } = absentStore();
    await using testing = await init([memoryLocks({ store, clock, startup: 'background' })], logs);
    await testing.init();
    await until(() => logs.texts('warn').length > 0, 'the warning');
    expect(logs.texts('warn').join()).not.toContain('secret');
    expect(logs.texts('warn')[0]).toContain('started without the lock store at the memory store');
    expect(clock.pendingForegroundTimers).toBe(0);
    come();
    await clock.advanceAsync(5_000);
    expect(logs.texts('log').join('\n')).toContain('connected to the lock store');
  });

  it('warns of missing shutdown hooks, when nobody listens to signals', async () => {
    process.env['NODE_ENV'] = 'development';
    const warnings = async (listener?: () => void) => {
      const clock = new ManualClock();
      const logs = new LogBook();
      await using testing = await init([memoryLocks({ clock })], logs);
      if (listener !== undefined) process.on('SIGTERM', listener);
      await testing.init();
      await clock.advanceAsync(1_000);
      if (listener !== undefined) process.off('SIGTERM', listener);
      return logs.texts('warn').join('\n');
    };
    expect(await warnings()).toContain('app.enableShutdownHooks() was not called');
    expect(await warnings(() => undefined)).not.toContain('enableShutdownHooks');
  });
});

describe('start-up checks of @Locked', () => {
  it('name class, method, placeholder and the name that was probably meant, for a typo', async () => {
    @Controller('groups')
    class GroupsController {
      @Get(':groupId')
      @Locked('group:<groupid>')
      async join(@Param('groupId') groupId: string, @Param('userId') userId: string) {
        return groupId + userId;
      }
    }
    expect(await startUpError({ controllers: [GroupsController] })).toBe(
      "@Locked('group:<groupid>') on GroupsController.join: <groupid> is not bound by any parameter; known here: groupId, userId. Did you mean <groupId>?",
    );
  });

  it('tell what to do where the source does not show the parameter names', async () => {
    @Injectable()
    class Orders {
      async pay(...args: string[]) {
        return args.join();
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'pay') as PropertyDescriptor;
    descriptor.value = (descriptor.value as () => unknown).bind(undefined);
    Locked('order:<orderId>')(Orders.prototype, 'pay', descriptor);
    Object.defineProperty(Orders.prototype, 'pay', descriptor);
    const message = await startUpError({ providers: [Orders] });
    expect(message).toContain('Orders.pay');
    expect(message).toMatch(/<orderId> cannot be found.*@LockKey\('orderId'\).*<0>.*key function/s);
  });

  it.each(['useGlobalPipes', 'on the parameter'])(
    'refuse an unknown pipe that may change the value (%s)',
    async (where) => {
      @Injectable()
      class Shouting implements PipeTransform {
        transform(value: string): string {
          return value.toUpperCase();
        }
      }
      const pipes = where === 'on the parameter' ? [Shouting] : [];
      @Controller()
      class Shop {
        @Get(':id')
        @Locked('item:<id>')
        async buy(@Param('id', ...pipes) id: string) {
          return id;
        }
      }
      const message = await startUpError({
        controllers: [Shop],
        configure: (app) => where === 'useGlobalPipes' && app.useGlobalPipes(new Shouting()),
      });
      expect(message).toContain('Shop.buy');
      expect(message).toMatch(/Shouting.*phase: 'handler'/s);
    },
  );

  it.each([
    ['@CurrentLease()', CurrentLease()],
    ['@LockKey', LockKey('id')],
  ])('refuse %s on a method without @Locked, which would do nothing', async (what, decorator) => {
    @Injectable()
    class Orders {
      async pay(id: string): Promise<string> {
        return id;
      }
    }
    decorator(Orders.prototype, 'pay', 0);
    expect(await startUpError({ providers: [Orders] })).toContain(`Orders.pay has ${what} but no @Locked`);
  });

  it('give the store back when they stop the start, which Nest does not close', async () => {
    @Injectable()
    class Orders {
      @Locked('order:<nope>')
      async pay(orderId: string) {
        return orderId;
      }
    }
    const imports = [DistributedLockModule.forRoot({ store: memoryStore() })];
    const failing = Test.createTestingModule({ imports, providers: [Orders] }).setLogger(new LogBook());
    await expect((await failing.compile()).init()).rejects.toThrow('Orders.pay: <nope>');
    await using next = await init(imports);
    await next.init();
    expect(await next.get(LockService).isLocked('x')).toBe(false);
  });

  it('let a subclass override a locked route with one of its own, locked or not', async () => {
    class Base {
      @Get(':id')
      @Locked('item:<params.id>')
      async find(@Param('id') id: string) {
        return id;
      }
    }
    @Controller('open')
    class Open extends Base {
      @Get(':id')
      override async find(@Param('id') id: string) {
        return `open ${id}`;
      }
    }
    @Controller('other')
    class Other extends Base {
      @Get(':itemId')
      @Locked('other:<params.itemId>')
      override async find(@Param('itemId') id: string) {
        return `other ${id}`;
      }
    }
    expect(await startUpError({ controllers: [Open, Other] })).toMatch(/^started/);
  });

  it('refuse a template over a lock service that nobody registered', async () => {
    @Controller()
    class Shop {
      @Get()
      @Locked('item', { service: 'jobs' })
      async buy() {
        return 'bought';
      }
    }
    expect(await startUpError({ controllers: [Shop] })).toContain(
      '@Locked needs DistributedLockModule.forRoot() for the lock service "jobs"',
    );
  });

  it('see the whole path of a route, so that a parameter of the global prefix is known', async () => {
    @Controller('groups')
    class Groups {
      @Get(':groupId')
      @Locked('<params.tenant>:<groupId>')
      async show(@CurrentLease() lease?: Lease) {
        return lease?.name;
      }
    }
    await using running = await startApp({
      controllers: [Groups],
      configure: (app) => app.setGlobalPrefix('t/:tenant'),
    });
    expect(await (await fetch(`${running.url}/t/acme/groups/7`)).text()).toBe('acme:7');
  });

  it('warn of another global interceptor that would wrap ours', async () => {
    @Injectable()
    class TransactionInterceptor implements NestInterceptor {
      intercept(_context: ExecutionContext, next: CallHandler) {
        return next.handle();
      }
    }
    @Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: TransactionInterceptor }] })
    class Transactions {}
    @Controller()
    class Shop {
      @Get()
      @Locked('item')
      async buy() {
        return 'bought';
      }
    }
    const warnings = async (...imports: unknown[]) => {
      await using running = await startApp({ controllers: [Shop], imports: imports as never[] });
      return running.logs.texts('warn').join('\n');
    };
    expect(await warnings(Transactions, memoryLocks())).toContain(
      'the global interceptor TransactionInterceptor runs outside',
    );
    expect(await warnings(memoryLocks(), Transactions)).not.toContain('TransactionInterceptor');
  });
});
