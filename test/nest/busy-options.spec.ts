import 'reflect-metadata';
import { Body, Controller, Get, Injectable, Param, ParseIntPipe, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, lastValueFrom, Observable, of, toArray } from 'rxjs';
import {
  CurrentLease,
  type Lease,
  LockBusyError,
  Locked,
  type LockedOptions,
  LockService,
} from '../../src/index.js';
import { failureOf } from '../support/failure-of.js';
import { ADAPTERS, LogBook, memoryLocks, startApp, startUpError } from './support/start-app.js';

async function started<T extends object>(provider: new (...args: never[]) => T) {
  const testing = await Test.createTestingModule({ imports: [memoryLocks()], providers: [provider] })
    .setLogger(new LogBook())
    .compile();
  await testing.init();
  const locks = testing.get(LockService);
  const events: string[] = [];
  for (const event of ['waiting', 'acquired', 'released'] as const)
    locks.on(event, ({ name }) => events.push(`${event} ${name}`));
  return { service: testing.get<T>(provider), locks, events, [Symbol.asyncDispose]: () => testing.close() };
}

const skip = { onBusy: 'skip' } as const;

@Injectable()
class Jobs {
  ran = 0;

  @Locked('job:<id>', skip)
  async run(id: string): Promise<string | undefined> {
    this.ran++;
    return `ran ${id}`;
  }

  @Locked('feed', skip)
  feed(): Observable<string> {
    return of('a', 'b');
  }

  @Locked('lines', skip)
  async *lines() {
    yield 'one';
  }

  @Locked('outer', skip)
  async nested(): Promise<unknown> {
    return this.inner();
  }

  @Locked('inner', { onBusy: 'reject' })
  async inner(): Promise<string> {
    return 'inner';
  }
}

describe("onBusy: 'skip'", () => {
  it('runs under the lock when it is free, and resolves to undefined at once when somebody else has it', async () => {
    await using jobs = await started(Jobs);
    expect(await jobs.service.run('1')).toBe('ran 1');
    const lease = await jobs.locks.acquire('job:1');
    expect(await jobs.service.run('1')).toBeUndefined();
    expect(await jobs.service.run('2')).toBe('ran 2');
    expect(jobs.service.ran).toBe(2);
    await lease.release();
    expect(await jobs.service.run('1')).toBe('ran 1');
  });

  it('ends an Observable and a generator without a value', async () => {
    await using jobs = await started(Jobs);
    const feed = jobs.service.feed();
    const lines = async () => {
      const found: string[] = [];
      for await (const line of jobs.service.lines()) found.push(line);
      return found;
    };
    await using _ = await jobs.locks.acquire(['feed', 'lines']);
    expect(await lastValueFrom(feed.pipe(toArray()))).toEqual([]);
    expect(await lines()).toEqual([]);
    await _.release();
    expect(await lastValueFrom(feed.pipe(toArray()))).toEqual(['a', 'b']);
    expect(await lines()).toEqual(['one']);
  });

  it('does not swallow what the method says about another lock', async () => {
    await using jobs = await started(Jobs);
    await using _ = await jobs.locks.acquire('inner');
    expect(await failureOf(jobs.service.nested())).toMatchObject({ code: 'LOCK_BUSY', lockName: 'inner' });
  });

  /** As `@MessagePattern`, `@EventPattern`, `@Query` and `@SubscribeMessage` leave it; the real packages are tried in test/ecosystem. */
  const handler =
    (metadata: Record<string, unknown>): MethodDecorator =>
    (_target, _key, descriptor) => {
      for (const [key, value] of Object.entries(metadata))
        Reflect.defineMetadata(key, value, descriptor.value as object);
    };

  it.each([
    ['a route', Get(), 'an HTTP request'],
    ['a query', handler({ 'graphql:resolver_type': 'Query' }), 'a GraphQL operation'],
    ['a field resolver', handler({ 'graphql:resolve_property': true }), 'a GraphQL operation'],
    [
      'a message',
      handler({ 'microservices:pattern': ['x'], 'microservices:handler_type': 1 }),
      'a message that waits for its answer',
    ],
  ])('stops the start on what waits for an answer: %s', async (_what, mark, answered) => {
    @Controller()
    class Answers {
      @mark
      @Locked('a', skip)
      async ask() {}
    }
    expect(await startUpError({ controllers: [Answers] })).toBe(
      `@Locked on Answers.ask: onBusy: 'skip' would answer ${answered} with nothing, as if it had been done; ` +
        "use onBusy: 'reject', or fallback to say what the answer is",
    );
  });

  it.each([
    ['an event', handler({ 'microservices:pattern': ['x'], 'microservices:handler_type': 2 })],
    ['a message of a gateway', handler({ 'websockets:message_mapping': true })],
  ])('is allowed on what needs none: %s', async (_what, mark) => {
    @Controller()
    class Events {
      @mark
      @Locked('a', skip)
      async hear() {}
    }
    await using running = await startApp({ controllers: [Events] });
    expect(running.app.get(Events)).toBeDefined();
  });
});

@Injectable()
class Prices {
  readonly suffix = 'of the cache';

  @Locked('price:<id>', {
    onBusy: 'reject',
    fallback(this: Prices, error, id: string) {
      return `${id} ${error.code} ${this.suffix}`;
    },
  })
  async read(id: string): Promise<string> {
    return `${id} fresh`;
  }

  @Locked('price:<id>', {
    onBusy: 'reject',
    fallback: async (error) => {
      throw new RangeError(error.code);
    },
  })
  async refuse(id: string): Promise<string> {
    return id;
  }

  @Locked('price:<id>', { fallback: () => 'never' })
  async fails(id: string): Promise<string> {
    throw new LockBusyError(`another lock than that of ${id}`, { retryAfterMs: 0 });
  }

  @Locked('feed', { onBusy: 'reject', fallback: () => of('old', 'older') })
  feed(): Observable<string> {
    return of('new');
  }

  @Locked('value', { onBusy: 'reject', fallback: () => 'one value' as never })
  value(): Observable<string> {
    return of('new');
  }

  @Locked('feed', { onBusy: 'reject', fallback: () => 'never' as never })
  broken(): Observable<string> {
    return new Observable((subscriber) => subscriber.error(new LockBusyError('other', { retryAfterMs: 0 })));
  }

  @Locked('lines', { onBusy: 'reject', fallback: (() => ['old']) as never })
  async *lines() {
    yield 'new';
  }
}

describe('fallback', () => {
  it('is called with the error and the arguments when the lock is busy; its result is the call’s', async () => {
    await using prices = await started(Prices);
    expect(await prices.service.read('7')).toBe('7 fresh');
    await using _ = await prices.locks.acquire('price:7');
    expect(await prices.service.read('7')).toBe('7 LOCK_BUSY of the cache');
    expect(await failureOf(prices.service.refuse('7'))).toEqual(new RangeError('LOCK_BUSY'));
  });

  it('is not called for a busy lock that the method itself met, nor for any other error', async () => {
    await using prices = await started(Prices);
    expect(await failureOf(prices.service.fails('7'))).toMatchObject({
      lockName: 'another lock than that of 7',
    });
    expect(await failureOf(lastValueFrom(prices.service.broken()))).toMatchObject({ lockName: 'other' });
    expect(await failureOf(prices.service.read(undefined as never))).toMatchObject({
      code: 'LOCK_TEMPLATE_UNRESOLVED',
    });
    await prices.locks.close();
    expect(await failureOf(prices.service.read('7'))).toMatchObject({ code: 'LOCK_CLOSED' });
  });

  it('may give an Observable, one value of it, or the values of a generator', async () => {
    await using prices = await started(Prices);
    await using _ = await prices.locks.acquire(['feed', 'value', 'lines']);
    expect(await lastValueFrom(prices.service.feed().pipe(toArray()))).toEqual(['old', 'older']);
    expect(await lastValueFrom(prices.service.value().pipe(toArray()))).toEqual(['one value']);
    const lines: string[] = [];
    for await (const line of prices.service.lines()) lines.push(line);
    expect(lines).toEqual(['old']);
  });
});

@Injectable()
class Exports {
  asked: unknown[] = [];

  @Locked('export:<id>', {
    when(this: Exports, id: string, dry?: boolean) {
      this.asked.push([id, dry]);
      return dry !== true;
    },
  })
  async run(id: string, dry?: boolean, @CurrentLease() lease?: Lease | null): Promise<unknown> {
    return lease === null ? `${id} ${String(dry)} unlocked` : lease?.name;
  }

  @Locked('feed', { when: async () => false })
  feed(): Observable<string> {
    return of('a', 'b');
  }

  @Locked('lines', { when: () => false })
  async *lines() {
    yield 'one';
  }

  @Locked('odd', { when: (() => 0) as never })
  async odd() {
    this.asked.push('odd ran');
  }

  @Locked('fails', {
    when: () => {
      throw new RangeError('of when');
    },
  })
  async fails() {}
}

describe('when', () => {
  it('runs the method with no lock, no lease and no event when it gives false, or a promise of it', async () => {
    await using exports = await started(Exports);
    await using _ = await exports.locks.acquire(['export:7', 'feed', 'lines']);
    exports.events.length = 0;
    expect(await exports.service.run('7', true)).toBe('7 true unlocked');
    expect(await lastValueFrom(exports.service.feed().pipe(toArray()))).toEqual(['a', 'b']);
    for await (const line of exports.service.lines()) expect(line).toBe('one');
    expect(exports.service.asked).toEqual([['7', true]]);
    expect(exports.events).toEqual([]);
  });

  it('locks as ever when it gives true, and asks for each call', async () => {
    await using exports = await started(Exports);
    expect(await exports.service.run('7')).toBe('export:7');
    expect(await exports.service.run('8', false)).toBe('export:8');
    expect(exports.events).toEqual(
      ['export:7', 'export:8'].flatMap((name) => [`acquired ${name}`, `released ${name}`]),
    );
    expect(exports.service.asked).toEqual([
      ['7', undefined],
      ['8', false],
    ]);
  });

  it('does not run the method when it throws, or gives neither true nor false', async () => {
    await using exports = await started(Exports);
    expect(await failureOf(exports.service.fails())).toEqual(new RangeError('of when'));
    expect(await failureOf(exports.service.odd())).toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
      message:
        '@Locked on Exports.odd: when must give true or false, or a promise of it, got 0; the method did not run',
    });
    expect(exports.service.asked).toEqual([]);
  });
});

describe.each(ADAPTERS)('on a route, on %s', (adapter) => {
  @Controller('orders/:id')
  class Orders {
    @Get()
    @Locked('order:<id>', { onBusy: 'reject', fallback: (_error, id: number) => ({ id, from: 'cache' }) })
    async show(@Param('id', ParseIntPipe) id: number) {
      return { id, from: 'database' };
    }

    @Post()
    @Locked('order:<id>', { onBusy: 'reject', when: (_id: number, body: { dry: boolean }) => !body.dry })
    async pay(
      @Param('id', ParseIntPipe) id: number,
      @Body() body: { dry: boolean },
      @CurrentLease() lease: Lease | null,
    ) {
      return { id, dry: body.dry, name: lease?.name ?? null };
    }
  }

  it('fallback and when get the arguments of the handler, after the pipes, never the raw request', async () => {
    await using running = await startApp({ adapter, controllers: [Orders] });
    const ask = async (init?: object) => {
      const answer = await fetch(`${running.url}/orders/07`, {
        headers: { 'content-type': 'application/json' },
        ...init,
      });
      return [answer.status, await answer.json()] as unknown;
    };
    const post = (dry: boolean) => ask({ method: 'POST', body: JSON.stringify({ dry }) });
    expect(await ask()).toEqual([200, { id: 7, from: 'database' }]);
    expect(await post(false)).toEqual([201, { id: 7, dry: false, name: 'order:7' }]);
    await using _ = await running.app.get(LockService).acquire('order:7');
    expect(await ask()).toEqual([200, { id: 7, from: 'cache' }]);
    expect(await post(true)).toEqual([201, { id: 7, dry: true, name: null }]);
    expect(await post(false)).toEqual([423, expect.objectContaining({ code: 'LOCK_BUSY' })]);
  });
});

describe('options that contradict each other', () => {
  it.each<[object, string]>([
    [{ onBusy: 'later' }, "onBusy must be 'wait', 'reject' or 'skip', got \"later\""],
    [{ onBusy: 'skip', waitMs: 5 }, "onBusy: 'skip' does not wait; leave waitMs out"],
    [{ onBusy: 'skip', phase: 'request' }, "onBusy: 'skip' is not for requests; leave phase out"],
    [{ onBusy: 'skip', fallback: () => 1 }, 'leave one of them out'],
    [{ when: true }, "when must be a function of the method's arguments, got"],
    [{ fallback: 'none' }, "fallback must be a function of the method's arguments, got"],
    [
      { when: () => true, phase: 'request' },
      "when gets the final arguments, which are made after the pipes, so phase: 'request' cannot be",
    ],
    [{ fallback: () => 1, phase: 'request' }, 'fallback gets the final arguments'],
  ])('are refused when the class is defined: %j', (options, problem) => {
    const define = () => {
      class Wrong {
        @Locked('a', options as LockedOptions)
        async run() {}
      }
      return Wrong;
    };
    expect(define).toThrow(problem);
    expect(define).toThrow(/^@Locked on Wrong\.run: /);
  });
});

describe('a subscriber that leaves', () => {
  it('gives the lock back, with a fallback too', async () => {
    await using prices = await started(Prices);
    expect(await firstValueFrom(prices.service.feed())).toBe('new');
    await prices.locks.using('feed', () => undefined);
    expect(prices.locks.held()).toEqual([]);
  });
});
