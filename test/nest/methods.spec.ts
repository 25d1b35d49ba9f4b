import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  type NestInterceptor,
  Param,
  Scope,
  SetMetadata,
  UseInterceptors,
} from '@nestjs/common';
import { ContextIdFactory } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { describe, expect, it, jest } from '@jest/globals';
import { from, lastValueFrom, map, Observable } from 'rxjs';
import {
  CurrentLease,
  DistributedLockModule,
  InjectLockService,
  type Lease,
  Locked,
  type LockedOptions,
  LockKey,
  LockService,
  LockUsageError,
  memoryStore,
} from '../../src/index.js';
import { Gate } from './support/gate.js';
import { LogBook, memoryLocks, startApp } from './support/start-app.js';

async function start(...providers: unknown[]): Promise<TestingModule> {
  const testing = await Test.createTestingModule({
    imports: [memoryLocks()],
    providers: providers as never[],
  })
    .setLogger(new LogBook())
    .compile();
  return testing.init();
}

const byHand = Symbol('by hand');

@Injectable()
class OrdersService {
  running = 0;
  most = 0;

  @Locked('order:<orderId>')
  async pay(orderId: string, @CurrentLease() lease?: Lease) {
    this.most = Math.max(this.most, ++this.running);
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    return `${orderId} under ${lease?.name}`;
  }

  @Locked('order:<0>')
  async [byHand](_orderId: string, @CurrentLease() lease?: Lease) {
    return lease?.name;
  }

  @Locked('order:<id>')
  async named(@LockKey('id') _x: string, @CurrentLease() lease?: Lease) {
    return lease?.name;
  }

  @Locked((...ids: string[]) => `orders:${ids.length}`)
  async keyed(..._ids: string[]) {
    return 'keyed';
  }

  @Locked('order:<orderId>')
  async again(orderId: string, @CurrentLease() lease?: Lease): Promise<unknown> {
    const [one, other] = await Promise.all([this.pay(orderId), this.pay(orderId)]);
    return [one, other, this.most, (await this.token(orderId)) === lease?.fencingToken];
  }

  @Locked('order:<orderId>')
  async token(orderId: string, @CurrentLease() lease?: Lease) {
    return orderId && lease?.fencingToken;
  }

  @Locked('order:<orderId>', { reentrant: false })
  async once(orderId: string): Promise<unknown> {
    return orderId;
  }

  @Locked('order:<orderId>')
  async strictly(orderId: string): Promise<unknown> {
    return this.once(orderId);
  }

  @Locked('order:<orderId>')
  async fails(orderId: string) {
    throw new RangeError(`of the work on ${orderId}`);
  }

  @Locked('audit')
  static async audit(@CurrentLease() lease?: Lease) {
    return lease?.name;
  }
}

class Base {
  @Locked('base:<id>')
  async work(id: string, @CurrentLease() lease?: Lease): Promise<unknown> {
    return lease?.name.replace(id, '<id>');
  }
}

@Injectable()
class Inheriting extends Base {}

@Injectable()
class Overriding extends Base {
  @Locked('sub:<id>')
  override async work(id: string, @CurrentLease() lease?: Lease): Promise<unknown> {
    return [lease?.name, await super.work(id)];
  }
}

describe('@Locked on service methods', () => {
  it('runs calls for one name one after the other and passes the lease', async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    const orders = testing.get(OrdersService);
    const results = await Promise.all([orders.pay('7'), orders.pay('7'), orders.pay('7')]);
    expect(results).toEqual(Array(3).fill('7 under order:7'));
    expect(orders.most).toBe(1);
    expect(Reflect.ownKeys(orders)).toEqual(['running', 'most']); // the injected service stays out of sight
  });

  it('works for symbol names, @LockKey, key functions and static methods', async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    const orders = testing.get(OrdersService);
    expect(await orders[byHand]('7')).toBe('order:7');
    expect(await orders.named('8')).toBe('order:8');
    expect(await orders.keyed('a', 'b')).toBe('keyed');
    expect(await OrdersService.audit()).toBe('audit');
  });

  it('works for request-scoped and transient providers, each with the service of its application', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest extends OrdersService {}
    @Injectable({ scope: Scope.TRANSIENT })
    class PerUse extends OrdersService {}
    await using testing = await asyncDisposable(start(PerRequest, PerUse));
    const perRequest = await testing.resolve(PerRequest, ContextIdFactory.create());
    const perUse = await testing.resolve(PerUse);
    expect(await perRequest.pay('7')).toBe('7 under order:7');
    expect(await perUse.pay('7')).toBe('7 under order:7');
  });

  it('locks an inherited method, and both names where an override calls super', async () => {
    await using testing = await asyncDisposable(start(Inheriting, Overriding));
    expect(await testing.get(Inheriting).work('7')).toBe('base:<id>');
    expect(await testing.get(Overriding).work('7')).toEqual(['sub:7', 'base:<id>']);
  });

  it('locks methods of instances that useValue and useFactory made', async () => {
    await using other = await asyncDisposable(start());
    await using testing = await asyncDisposable(
      start(
        { provide: 'value', useValue: new OrdersService() },
        { provide: 'made', useFactory: () => new OrdersService() },
      ),
    );
    expect(other.get(LockService).held()).toEqual([]);
    expect(await testing.get<OrdersService>('value').pay('7')).toBe('7 under order:7');
    expect(await testing.get<OrdersService>('made').pay('7')).toBe('7 under order:7');
  });

  it('keeps two applications of one process apart: each locks in its own store', async () => {
    await using one = await asyncDisposable(start(OrdersService));
    await using two = await asyncDisposable(start(OrdersService));
    const lease = await one.get(LockService).acquire('order:7');
    expect(await two.get(OrdersService).pay('7')).toBe('7 under order:7');
    await lease.release();
  });

  it('refuses to run the method when no service can be found, or more than one outside of the container', async () => {
    const stray = new OrdersService();
    await expect(stray.pay('7')).rejects.toThrow(
      '@Locked on OrdersService.pay did not run the method: no lock service "default" is running',
    );
    await using one = await asyncDisposable(start());
    expect(await stray.pay('7')).toBe('7 under order:7');
    await using two = await asyncDisposable(start());
    expect([one, two]).toHaveLength(2);
    await expect(stray.pay('7')).rejects.toThrow(
      '2 applications of this process have a lock service "default"',
    );
    expect(stray.most).toBe(1);
  });

  it('enters the lock of its caller again; what the caller starts at the same time goes one after the other', async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    expect(await testing.get(OrdersService).again('7')).toEqual([
      '7 under order:7',
      '7 under order:7',
      1,
      true,
    ]);
    expect(testing.get(LockService).held()).toEqual([]);
  });

  it('tells at once, with reentrant: false, that it would wait for its own lock', async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    await expect(testing.get(OrdersService).strictly('7')).rejects.toMatchObject({ code: 'LOCK_REENTRANT' });
  });

  it("passes the method's own error on and gives the lock back", async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    await expect(testing.get(OrdersService).fails('7')).rejects.toThrow(RangeError);
    expect(testing.get(LockService).held()).toEqual([]);
  });

  it('refuses a missing value instead of locking on "undefined"', async () => {
    await using testing = await asyncDisposable(start(OrdersService));
    await expect(testing.get(OrdersService).pay(undefined as never)).rejects.toMatchObject({
      code: 'LOCK_TEMPLATE_UNRESOLVED',
      clientFault: false,
    });
  });

  it('keeps name, length and the metadata of other decorators, above and below', () => {
    class Decorated {
      @SetMetadata('above', 1)
      @Locked('x')
      @SetMetadata('below', 2)
      async method(_a: string, _b: string): Promise<void> {}
    }
    const method = Object.getOwnPropertyDescriptor(Decorated.prototype, 'method')?.value as (
      ...args: unknown[]
    ) => unknown;
    expect([method.name, method.length]).toEqual(['method', 2]);
    expect([Reflect.getMetadata('above', method), Reflect.getMetadata('below', method)]).toEqual([1, 2]);
    expect(Reflect.ownKeys(new Decorated())).toEqual([]);
  });

  it('locks with a double when a test overrides LockService', async () => {
    const names: unknown[] = [];
    const lease = { name: 'double', using: (work: (lease: unknown) => unknown) => work(lease) };
    const double = { acquire: async (name: unknown) => (names.push(name), lease) };
    const testing = await Test.createTestingModule({ imports: [memoryLocks()], providers: [OrdersService] })
      .setLogger(new LogBook())
      .overrideProvider(LockService)
      .useValue(double)
      .compile();
    await testing.init();
    expect(await testing.get(OrdersService).pay('7')).toBe('7 under double');
    expect(names).toEqual([['order:7']]);
    await testing.close();
  });
});

describe('a lock and what comes later than the call', () => {
  const gate = new Gate();

  @Injectable()
  class Streams {
    readonly seen: string[] = [];

    constructor(@Inject(LockService) private readonly locks: LockService) {}

    @Locked('feed')
    feed(): Observable<string> {
      return new Observable((subscriber) => {
        this.seen.push(`held ${this.locks.held().length}`);
        subscriber.next('first');
        void gate.pass().then(() => subscriber.complete());
        return () => this.seen.push(`teardown, held ${this.locks.held().length}`);
      });
    }

    @Locked('numbers')
    async *numbers() {
      try {
        for (let n = 1; ; n++) yield `${n}, held ${this.locks.held().length}`;
      } finally {
        this.seen.push(`finally, held ${this.locks.held().length}`);
      }
    }

    @Locked('nested')
    async *nested() {
      yield 'first';
      yield this.locks.using('nested', () => 'inside', { waitMs: 0 });
    }

    @Locked('promised')
    async promised() {
      return from(['a', 'b']);
    }
  }

  it('holds an Observable’s lock from the subscription to the end, and tears the producer down before giving it back', async () => {
    await using testing = await asyncDisposable(start(Streams));
    const streams = testing.get(Streams);
    const locks = testing.get(LockService);
    const feed = streams.feed();
    expect(locks.held()).toEqual([]);
    const values: string[] = [];
    const subscription = feed.subscribe((value) => values.push(value));
    await gate.arrived();
    expect(values).toEqual(['first']);
    subscription.unsubscribe();
    expect(streams.seen).toEqual(['held 1', 'teardown, held 1']);
    await locks.using('feed', () => undefined);
    await gate.open();
    const complete = lastValueFrom(feed);
    await gate.open();
    expect(await complete).toBe('first');
    expect(locks.held()).toEqual([]);
  });

  it('holds a generator’s lock from the first step to the last, its finally block included', async () => {
    await using testing = await asyncDisposable(start(Streams));
    const streams = testing.get(Streams);
    const values: string[] = [];
    for await (const value of streams.numbers()) {
      values.push(value);
      if (values.length === 2) break;
    }
    expect(values).toEqual(['1, held 1', '2, held 1']);
    expect(streams.seen).toEqual(['finally, held 1']);
    expect(testing.get(LockService).held()).toEqual([]);
  });

  it('counts the body of a generator as part of the call that holds the lock, whoever asks for the next value', async () => {
    await using testing = await asyncDisposable(start(Streams));
    const values: unknown[] = [];
    for await (const value of testing.get(Streams).nested()) values.push(value);
    expect(values).toEqual(['first', 'inside']);
  });

  it('holds the lock of a promise of an Observable until that Observable is over', async () => {
    await using testing = await asyncDisposable(start(Streams));
    const locks = testing.get(LockService);
    const promised = await testing.get(Streams).promised();
    expect(locks.held()).toHaveLength(1);
    expect(await lastValueFrom(promised)).toBe('b');
    await locks.using('promised', () => undefined);
    expect(locks.held()).toEqual([]);
  });
});

describe('never locked twice', () => {
  @Injectable()
  class Ledger {
    @Locked('ledger:<id>')
    async write(id: string, @CurrentLease() lease?: Lease) {
      return `${id} ${lease?.name}`;
    }
  }

  /** Calls a locked service after the request's lock was taken and before the handler runs. */
  @Injectable()
  class AuditInterceptor implements NestInterceptor {
    constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

    async intercept(_context: ExecutionContext, next: CallHandler) {
      const written = await this.ledger.write('before');
      return next.handle().pipe(map((value: string[]) => [written, ...value]));
    }
  }

  @Controller('accounts/:id')
  class AccountsController {
    constructor(@Inject(Ledger) private readonly ledger: Ledger) {}

    @Get()
    @copying()
    @Locked('account:<id>')
    async show(@Param('id') id: string, @CurrentLease() lease: Lease) {
      return [lease.name, await this.ledger.write(id)];
    }

    @Get('audited')
    @Locked('account:<id>')
    @UseInterceptors(AuditInterceptor)
    async audited(@Param('id') id: string, @CurrentLease() lease: Lease) {
      return [id, lease.name];
    }

    @Get('twice')
    @Locked('account:<id>', { waitMs: 0 })
    async twice(@Param('id') id: string, @CurrentLease() lease: Lease): Promise<unknown> {
      this.calls.push(lease);
      if (this.calls.length === 1) await this.twice(id, lease);
      return this.calls.map(({ state, fencingToken }) => [state, fencingToken === lease.fencingToken]);
    }

    private readonly calls: Lease[] = [];
  }

  /** As many decorators do: a new function, metadata copied. */
  function copying(): MethodDecorator {
    return (_target, _key, descriptor: PropertyDescriptor) => {
      const inner = descriptor.value as (...args: unknown[]) => unknown;
      const outer = function (this: unknown, ...args: unknown[]) {
        return inner.apply(this, args);
      };
      for (const key of Reflect.getMetadataKeys(inner)) {
        Reflect.defineMetadata(key, Reflect.getMetadata(key, inner), outer);
      }
      descriptor.value = outer;
    };
  }

  it('takes one lock for a request although interceptor and wrapper both see it, and the service’s own lock beside it', async () => {
    await using running = await startApp({ controllers: [AccountsController], providers: [Ledger] });
    // Not only events: a second time would enter the lock again, and say nothing.
    const asked = jest.spyOn(running.app.get(LockService), 'acquire');
    const answer = await fetch(`${running.url}/accounts/7`);
    expect(await answer.json()).toEqual(['account:7', '7 ledger:7']);
    expect(asked.mock.calls.map(([names]) => names)).toEqual([['account:7'], ['ledger:7']]);
  });

  it('keeps the request’s lock for its own handler when another locked method is called before it', async () => {
    await using running = await startApp({ controllers: [AccountsController], providers: [Ledger] });
    const answer = await fetch(`${running.url}/accounts/7/audited`);
    expect(await answer.json()).toEqual(['before ledger:before', '7', 'account:7']);
  });

  it('takes a second call of the same handler in one request as a call of its own, which enters the lock again', async () => {
    await using running = await startApp({ controllers: [AccountsController], providers: [Ledger] });
    const answer = await fetch(`${running.url}/accounts/7/twice`);
    expect(await answer.json()).toEqual([
      ['held', true],
      ['released', true],
    ]);
  });
});

describe('a double in the place of LockService', () => {
  @Controller()
  class Shop {
    @Get(':id')
    @Locked('item:<id>')
    async buy(@Param('id') id: string, @CurrentLease() lease: Lease) {
      return `${id} under ${lease.name}`;
    }
  }

  it('locks requests, too', async () => {
    const lease = { name: 'double', using: async (work: (lease: unknown) => unknown) => work(lease) };
    const running = await startApp({
      controllers: [Shop],
      override: (testing) => testing.overrideProvider(LockService).useValue({ acquire: async () => lease }),
    });
    expect(await (await fetch(`${running.url}/7`)).text()).toBe('7 under double');
    await running.app.close();
  });
});

describe('named services', () => {
  @Injectable()
  class Two {
    constructor(
      @Inject(LockService) readonly main: LockService,
      @InjectLockService('jobs') readonly jobs: LockService,
    ) {}

    @Locked('x', { service: 'jobs' })
    async job() {
      return [this.main.held().length, this.jobs.held().length];
    }
  }

  it('are injected by name, and @Locked uses the one it names', async () => {
    const testing = await Test.createTestingModule({
      imports: [memoryLocks(), DistributedLockModule.forRoot({ name: 'jobs', store: memoryStore() })],
      providers: [Two],
    })
      .setLogger(new LogBook())
      .compile();
    await testing.init();
    const two = testing.get(Two);
    expect(two.main).not.toBe(two.jobs);
    expect(await two.job()).toEqual([0, 1]);
    await testing.close();
  });
});

describe('what @Locked refuses when the class is defined', () => {
  const define =
    (names: unknown, options: unknown, ...others: MethodDecorator[]) =>
    () => {
      class Orders {
        async pay(_id: string): Promise<void> {}
      }
      const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'pay') as PropertyDescriptor;
      for (const other of others) other(Orders.prototype, 'pay', descriptor);
      Locked(names as string, options as LockedOptions)(Orders.prototype, 'pay', descriptor);
    };

  it.each([
    ['an unknown option', 'x', { ttl: 5 }, 'option "ttl" is not known or not built yet'],
    [
      'a wait with reject',
      'x',
      { onBusy: 'reject', waitMs: 5 },
      "onBusy: 'reject' does not wait; leave waitMs out",
    ],
    [
      'a status that is none',
      'x',
      { busyStatus: 200 },
      'busyStatus must be an HTTP status from 400 to 599, got 200',
    ],
    ['an unknown phase', 'x', { phase: 'guard' }, "phase must be 'request' or 'handler', got \"guard\""],
    ['a lease that is too short', 'x', { leaseMs: 5 }, 'leaseMs must be an integer from 100'],
    ['a wait that is no time', 'x', { waitMs: Number.NaN }, 'waitMs must be a number of ms from 0'],
    ['no name', undefined, {}, 'the first argument must be a template'],
    ['an empty list', [], {}, 'the first argument must be a template'],
    ['a broken template', 'x:<', {}, 'not closed'],
  ])('%s', (_what, names, options, message) => {
    expect(define(names, options)).toThrow(LockUsageError);
    expect(define(names, options)).toThrow(message);
    expect(define(names, options)).toThrow('Orders.pay');
  });

  it('a second @Locked on the same method', () => {
    expect(define('x', {}, Locked('y') as MethodDecorator)).toThrow('@Locked stands there twice');
  });

  it.each([
    ['String', String],
    ['Number', Number],
    ['Date', Date],
    ['a class', class Order {}],
  ])('a method that is declared to return %s at once', (_what, type) => {
    class Orders {
      pay(): unknown {
        return 1;
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Orders.prototype, 'pay') as PropertyDescriptor;
    Reflect.defineMetadata('design:returntype', type, Orders.prototype, 'pay');
    expect(() => Locked('x')(Orders.prototype, 'pay', descriptor)).toThrow(
      `is declared to return ${type.name} at once, but it has to wait for its lock`,
    );
  });

  it('a generator that is not async', () => {
    expect(() => {
      class Orders {
        @Locked('x')
        *pay() {
          yield 1;
        }
      }
      return Orders;
    }).toThrow('declare `async *pay()`');
  });
});

async function asyncDisposable(starting: Promise<TestingModule>): Promise<TestingModule & AsyncDisposable> {
  const testing = await starting;
  return Object.assign(testing, { [Symbol.asyncDispose]: () => testing.close() });
}
