import 'reflect-metadata';
import { connect, type Socket } from 'node:net';
import { Controller, Inject, Post, Body } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  Ctx,
  EventPattern,
  MessagePattern,
  type MicroserviceOptions,
  Payload,
  Transport,
} from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CurrentLease, Lease, Locked, LockService } from 'nestjs-distributed-lock';
import { firstValueFrom, lastValueFrom, Observable, toArray } from 'rxjs';

import {
  LogBook,
  rootModule,
  runningContext,
  Section,
  startApp,
  until,
  waiting,
} from '../support/application.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

@Controller()
class OrdersController {
  constructor(
    @Inject(Section) private readonly section: Section,
    @Inject(LockService) private readonly locks: LockService,
  ) {}

  @MessagePattern('pay')
  @Locked('order:<id>')
  async pay(@Payload('id') _id: string, @CurrentLease() lease: Lease): Promise<string> {
    return this.section.run(lease.name);
  }

  @Locked('order:<order.id>', { onBusy: 'reject' })
  @MessagePattern('pay-now')
  async payNow(@Payload() order: { id: string }, @Ctx() _context: object): Promise<string> {
    return this.section.run(order.id);
  }

  @MessagePattern('bare')
  @Locked('order:<order.id>', { onBusy: 'reject' })
  async bare(order: { id: string }): Promise<string> {
    return this.section.run(order.id);
  }

  @MessagePattern('feed')
  @Locked('feed:<id>')
  feed(@Payload('id') id: string): Observable<string> {
    return new Observable((subscriber) => {
      subscriber.next(`${id} ${this.locks.held().length}`);
      subscriber.complete();
    });
  }

  @EventPattern('paid')
  @Locked('order:<id>', { onBusy: 'reject' })
  async paid(@Payload('id') id: string): Promise<void> {
    await this.section.run(id);
  }

  @Post('pay')
  @Locked('order:<id>', { onBusy: 'reject' })
  async payOverHttp(@Body('id') id: string): Promise<string> {
    return this.section.run(id);
  }
}

const controllers = [OrdersController];
const providers = [Section];
const failure = (sent: Promise<unknown>) =>
  sent.then(
    () => 'no failure',
    (error: object) => ({ ...error }),
  );
const busy = {
  status: 'error',
  message: 'another request is working on this now; try again later',
  code: 'LOCK_BUSY',
  retryable: true,
  retryAfterMs: expect.any(Number),
};

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const optionsOf = (kind: string): MicroserviceOptions & { options: { port: number } } =>
  kind === 'redis'
    ? { transport: Transport.REDIS, options: { host: '127.0.0.1', port: redis.port } }
    : {
        transport: Transport.TCP,
        options: { host: '127.0.0.1', port: 10_000 + Math.floor(Math.random() * 20_000) },
      };

async function client(options: MicroserviceOptions) {
  const proxy = ClientProxyFactory.create(options as never);
  await proxy.connect();
  return {
    close: () => proxy.close() as unknown as Promise<void>,
    send: <T>(pattern: string, data: object) => firstValueFrom(proxy.send<T>(pattern, data)),
    emit: async (pattern: string, data: object) => {
      await lastValueFrom(proxy.emit(pattern, data), { defaultValue: undefined });
    },
    stream: (pattern: string, data: object) =>
      lastValueFrom(proxy.send<string>(pattern, data).pipe(toArray())),
  };
}

async function pure(kind: string) {
  const logs = new LogBook();
  const options = optionsOf(kind);
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(
    rootModule({ controllers, providers }),
    {
      ...options,
      logger: logs,
      abortOnError: false,
    },
  );
  await app.listen();
  const running = runningContext(app, logs);
  const sender = await client(options);
  const dispose = async () => {
    await sender.close();
    await running.close();
  };
  return { ...running, ...sender, options, section: running.get(Section), [Symbol.asyncDispose]: dispose };
}

async function hybrid(inheritAppConfig: boolean) {
  const options = optionsOf('tcp');
  const running = await startApp({
    controllers,
    providers,
    configure: async (app) => {
      app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig });
      await app.startAllMicroservices();
    },
  });
  const sender = await client(options);
  const dispose = async () => {
    await sender.close();
    await running.close();
  };
  return { ...running, ...sender, options, section: running.get(Section), [Symbol.asyncDispose]: dispose };
}

const KINDS = [
  ['a microservice over TCP', () => pure('tcp')],
  ['a microservice over Redis', () => pure('redis')],
  ['a hybrid application', () => hybrid(false)],
  ['a hybrid application with inheritAppConfig', () => hybrid(true)],
] as const;

describe.each(KINDS)('%s', (_kind, start) => {
  it('handles messages for one order one after the other, under the name of the template', async () => {
    await using running = await start();
    const names = await Promise.all([1, 2, 3].map(() => running.send('pay', { id: '7' })));
    expect([names, running.section.most, running.locks.held()]).toEqual([Array(3).fill('order:7'), 1, []]);
  });

  it.each(['pay-now', 'bare'])(
    'says busy, with a code and when to try again, and logs no error: %s',
    async (pattern) => {
      await using running = await start();
      await using lease = await running.locks.acquire('order:7');
      expect(await failure(running.send(pattern, { id: '7' }))).toEqual(busy);
      expect([running.section.calls, running.logs.texts('error'), lease.state]).toEqual([0, [], 'held']);
    },
  );

  it.each([
    ['pay', 'id'],
    ['pay-now', 'order.id'],
    ['bare', 'order.id'],
  ])('says which value was left out: %s', async (pattern, value) => {
    await using running = await start();
    expect(await failure(running.send(pattern, { other: 1 }))).toEqual({
      status: 'error',
      message: `${value} is missing or has no usable value`,
      code: 'LOCK_TEMPLATE_UNRESOLVED',
      retryable: false,
    });
    expect(running.logs.texts('error')).toEqual([]);
  });

  it('says in its log that an event was dropped, which nobody else would', async () => {
    await using running = await start();
    const lease = await running.locks.acquire('order:7');
    await running.emit('paid', { id: '7' });
    await until(() => running.logs.texts('warn').some((text) => text.includes('dropped')), 'it is logged');
    expect(running.logs.texts('warn').filter((text) => text.includes('dropped'))).toEqual([
      'OrdersController.paid did not run, and its event is dropped: lock "order:7" is held by someone else',
    ]);
    // Nest 12 adds a line of its own in a hybrid application without inheritAppConfig, in the general words.
    expect(running.logs.texts('error').join()).not.toContain('order:7');
    await lease.release();
    await running.emit('paid', { id: '8' });
    await until(() => running.section.names.includes('8'), 'the next event is handled');
    expect(running.section.names).toEqual(['8']);
  });

  it('keeps the lock of an Observable to its end', async () => {
    await using running = await start();
    expect(await running.stream('feed', { id: '7' })).toEqual(['7 1']);
    await until(() => running.locks.held().length === 0, 'the lock is given back');
  });
});

describe.each([
  ['a microservice over TCP', () => pure('tcp')],
  ['a hybrid application', () => hybrid(false)],
] as const)('%s', (_kind, start) => {
  it('forgets a client that left while it waited', async () => {
    await using running = await start();
    const lease = await running.locks.acquire('order:7');
    const socket = await rawClient(running.options.options.port);
    const packet = JSON.stringify({ pattern: 'pay', data: { id: '7' }, id: 'a' });
    socket.write(`${packet.length}#${packet}`);
    await waiting(running.locks, 'order:7', 1);
    socket.destroy();
    await waiting(running.locks, 'order:7', 0);
    await lease.release();
    await running.locks.using('order:7', () => undefined);
    expect([running.section.calls, running.logs.texts('error')]).toEqual([0, []]);
  });
});

function rawClient(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket)).on('error', reject);
  });
}

it('a hybrid application locks its HTTP routes beside its messages', async () => {
  await using running = await hybrid(false);
  const post = (id: string) =>
    fetch(`${running.url}/pay`, {
      method: 'POST',
      body: JSON.stringify({ id }),
      headers: { 'content-type': 'application/json' },
    });
  expect((await post('7')).status).toBe(201);
  await using lease = await running.locks.acquire('order:7');
  expect((await post('7')).status).toBe(423);
  expect(lease.state).toBe('held');
});
