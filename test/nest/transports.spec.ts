import { AsyncLocalStorage } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpException,
  Logger,
  type NestInterceptor,
  Param,
} from '@nestjs/common';
import { type AbstractHttpAdapter, HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/internal';
import { describe, expect, it, jest } from '@jest/globals';
import { defer, firstValueFrom, from, lastValueFrom } from 'rxjs';
import { LockBusyError, Locked, LockError, LockInterceptor, LockService } from '../../src/index.js';
import { failureOf } from '../support/failure-of.js';
import { until } from './support/gate.js';
import { ADAPTERS, type RunningApp, startApp } from './support/start-app.js';

/** What half of all applications have. */
@Catch()
class CatchAll implements ExceptionFilter {
  constructor(private readonly http: AbstractHttpAdapter) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const status = error instanceof HttpException ? error.getStatus() : 500;
    this.http.reply(host.switchToHttp().getResponse(), String((error as Error).message), status);
  }
}

@Controller()
class Handlers {
  calls = 0;

  @Get('group/:id')
  @Locked('group:<id>', { onBusy: 'reject' })
  async group(@Param('id') _id: string): Promise<void> {}

  @Locked('room:<1.id>')
  async onMessage(_client: object, _message: { id: string }): Promise<number> {
    return ++this.calls;
  }

  @Locked('room:<1.id>')
  async *onSubscribe(_client: object, _message: { id: string }): AsyncGenerator<number> {
    yield ++this.calls;
  }
}
/** As Nest has it, for a call by hand. */
const PLAIN = Object.getOwnPropertyDescriptor(Handlers.prototype, 'onMessage')!;

class Fields {
  @Locked('field:<id>', { onBusy: 'reject' })
  async members(_root: object, id: string): Promise<string> {
    return id;
  }
}
Reflect.defineMetadata('graphql:resolve_property', true, Reflect.get(Fields.prototype, 'members') as object);

/** As Nest has them: `@SubscribeMessage` of a gateway, `@EventPattern` of a microservice. */
class Remote {
  @Locked('room:<1>', { onBusy: 'reject' })
  async onChat(_client: object, id: string): Promise<string> {
    return id;
  }

  @Locked('order:<0>', { onBusy: 'reject' })
  async onPaid(id: string): Promise<string> {
    return id;
  }
}
const methodOf = (name: keyof Remote) =>
  Reflect.get(Remote.prototype, name) as (...args: unknown[]) => unknown;
Reflect.defineMetadata('websockets:message_mapping', true, methodOf('onChat'));
Reflect.defineMetadata('microservices:pattern', ['paid'], methodOf('onPaid'));
Reflect.defineMetadata('microservices:handler_type', 2, methodOf('onPaid'));

describe.each(ADAPTERS)('a catch-all filter of the application on %s', (adapter) => {
  it('answers a busy lock with its status and Retry-After, in words for everybody', async () => {
    await using running = await startApp({
      adapter,
      controllers: [Handlers],
      configure: (app) => void app.useGlobalFilters(new CatchAll(app.get(HttpAdapterHost).httpAdapter)),
    });
    await using lease = await running.app.get(LockService).acquire('group:7');
    const answer = await fetch(`${running.url}/group/7`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([423, '30']);
    expect(await answer.text()).toBe('another request is working on this now; try again later');
    expect(running.logs.texts('warn').filter((text) => text.includes('CatchAll'))).toHaveLength(1);
    expect(lease.state).toBe('held');
  });
});

/** One call as Nest makes it: args, the type of the transport, our interceptor, the method. */
function call({ app }: RunningApp, type: string, args: unknown[]) {
  const handlers = app.get(Handlers);
  const method = PLAIN.value as (...args: unknown[]) => Promise<number>;
  const context = new ExecutionContextHost(args, Handlers, method);
  context.setType(type);
  const handle = () => {
    const bound = AsyncLocalStorage.snapshot(); // as Nest does
    return defer(() => from(bound(() => method.apply(handlers, args.slice(0, 2)))));
  };
  return app.get(LockInterceptor).intercept(context, { handle });
}

const start = () => startApp({ controllers: [Handlers], providers: [Fields], locks: { waitMs: 20_000 } });
const client = () => Object.assign(new EventEmitter(), { readyState: 1, send: () => undefined });

describe('a call over a connection', () => {
  const waiting = async ({ app }: RunningApp, count: number) => {
    const locks = app.get(LockService);
    await until(async () => (await locks.inspect('room:7')).waitingHere === count, `${count} wait`);
  };

  it.each([
    ['a native WebSocket', 'ws', client, 'close'],
    ['socket.io', 'ws', () => new EventEmitter(), 'disconnect'],
  ])('is forgotten when the client leaves while it waits: %s', async (_name, type, connect, event) => {
    await using running = await start();
    await using lease = await running.app.get(LockService).acquire('room:7');
    const connection = connect();
    const failed = failureOf(firstValueFrom(call(running, type, [connection, { id: '7' }])));
    await waiting(running, 1);
    connection.emit(event);
    expect((await failed).message).toBe('the client closed the request while it waited for a lock');
    expect(running.app.get(Handlers).calls).toBe(0);
    expect(lease.state).toBe('held');
  });

  it('of a client that is gone already does not wait at all', async () => {
    await using running = await start();
    await using lease = await running.app.get(LockService).acquire('room:7');
    const gone = Object.assign(client(), { readyState: 3 });
    await failureOf(firstValueFrom(call(running, 'ws', [gone, { id: '7' }])));
    expect([running.app.get(Handlers).calls, lease.state]).toEqual([0, 'held']);
  });

  it('leaves one listener on the connection, and nothing of calls that are over', async () => {
    await using running = await start();
    const connection = client();
    for (let calls = 1; calls <= 20; calls++)
      expect(await lastValueFrom(call(running, 'ws', [connection, { id: '7' }]))).toBe(calls);
    expect(connection.listenerCount('close')).toBe(1);
    connection.emit('close');
  });

  it.each(['ws', 'rpc', 'graphql'])('that is refused says nothing of ours to clients of %s', async (type) => {
    await using running = await start();
    const failed = await failureOf(firstValueFrom(call(running, type, [client(), {}])));
    expect(failed).toBeInstanceOf(LockError);
    expect(failed.message).toBe('the request could not be handled');
    expect(inspect(Object.entries(failed))).not.toContain('Handlers');
    expect(running.logs.texts('error').join()).toContain("@Locked('room:<1.id>') on Handlers.onMessage");
  });
});

describe('a generator of @Locked', () => {
  it('that is left while it waits for its first step takes no lock', async () => {
    await using running = await start();
    const locks = running.app.get(LockService);
    const lease = await locks.acquire('room:7');
    const steps = running.app.get(Handlers).onSubscribe({}, { id: '7' });
    const first = steps.next();
    await until(async () => (await locks.inspect('room:7')).waitingHere === 1, 'it waits');
    await steps.return(undefined);
    expect(await first).toEqual({ value: undefined, done: true });
    await lease.release();
    expect([locks.held(), running.app.get(Handlers).calls]).toEqual([[], 0]);
  });
});

describe('a field resolver, which GraphQL calls without any interceptor', () => {
  it('that is busy has extensions and no name, and is still a LockBusyError', async () => {
    await using running = await start();
    await using lease = await running.app.get(LockService).acquire('field:7');
    const failed = await failureOf(running.app.get(Fields).members({}, '7'));
    expect(failed).toBeInstanceOf(LockBusyError);
    expect(failed).toMatchObject({ extensions: { code: 'LOCK_BUSY', retryable: true } });
    expect(failed.message).not.toContain('field:7');
    expect(lease.state).toBe('held');
  });
});

describe('a handler that Nest gives no global interceptors', () => {
  const callOf = async (name: keyof Remote, type: string, args: unknown[]) => {
    const running = await startApp({ providers: [Remote] });
    const method = methodOf(name);
    const interceptors = Reflect.getMetadata('__interceptors__', method) as NestInterceptor[];
    const context = new ExecutionContextHost(args, Remote, method);
    context.setType(type);
    const handle = () => {
      const bound = AsyncLocalStorage.snapshot();
      return defer(() => from(bound(() => method.apply(running.app.get(Remote), args)) as Promise<string>));
    };
    const call = async () => firstValueFrom(await interceptors[0]!.intercept(context, { handle }));
    return { ...running, interceptors, call, locks: running.app.get(LockService) };
  };

  it.each<readonly [keyof Remote, string, string]>([
    ['onChat', 'ws', 'room:7'],
    ['onPaid', 'rpc', 'order:7'],
  ])('has one of its own, however many applications have the class: %s', async (name, type, lock) => {
    const args = name === 'onChat' ? [client(), '7'] : ['7'];
    await using before = await callOf(name, type, args);
    await using running = await callOf(name, type, args);
    expect([before.interceptors.length, running.interceptors.length]).toEqual([1, 1]);
    await before.app.close();
    expect(await running.call()).toBe('7');
    await using lease = await running.locks.acquire(lock);
    const failed = await failureOf(running.call());
    expect(failed.message).toBe('another request is working on this now; try again later');
    expect([failed instanceof LockBusyError, lease.state]).toEqual([true, 'held']);
  });

  it('says that an event was dropped, which nobody else would', async () => {
    await using running = await callOf('onPaid', 'rpc', ['7']);
    await using lease = await running.locks.acquire('order:7');
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await failureOf(running.call());
    expect(warned.mock.calls.map(([text]) => String(text))).toEqual([
      'Remote.onPaid did not run, and its event is dropped: lock "order:7" is held by someone else',
    ]);
    expect(lease.state).toBe('held');
  });
});
