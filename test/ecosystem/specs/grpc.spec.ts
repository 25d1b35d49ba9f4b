import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { Controller, Inject } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { GrpcMethod, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Locked } from 'nestjs-distributed-lock';
import { Observable } from 'rxjs';

import { LogBook, rootModule, runningContext, Section, until, waiting } from '../support/application.js';

const PROTO = `
syntax = "proto3";
package orders;
service Orders {
  rpc Pay (Order) returns (Answer);
  rpc PayNow (Order) returns (Answer);
  rpc Feed (Order) returns (stream Answer);
}
message Order { string id = 1; }
message Answer { string name = 1; }
`;

interface Order {
  id: string;
}

@Controller()
class GrpcOrders {
  constructor(@Inject(Section) private readonly section: Section) {}

  @GrpcMethod('Orders', 'Pay')
  @Locked('order:<order.id>')
  async pay(order: Order, _metadata: object, _call: object): Promise<{ name: string }> {
    return { name: await this.section.run(`order:${order.id}`) };
  }

  @Locked('order:<order.id>', { onBusy: 'reject' })
  @GrpcMethod('Orders', 'PayNow')
  async payNow(order: Order): Promise<{ name: string }> {
    return { name: await this.section.run(order.id) };
  }

  @GrpcMethod('Orders', 'Feed')
  @Locked('feed:<order.id>')
  feed(order: Order): Observable<{ name: string }> {
    return new Observable((subscriber) => {
      subscriber.next({ name: order.id });
      return () => void this.section.names.push('torn down');
    });
  }
}

type Answered = (error: ServiceError | null, answer?: { name: string }) => void;
interface Call {
  cancel(): void;
  on(event: 'data' | 'error', listener: (value: never) => void): Call;
}
interface OrdersClient {
  Pay(order: object, answered: Answered): Call;
  PayNow(order: object, answered: Answered): Call;
  Feed(order: object): Call;
  close(): void;
}

describe('a gRPC handler', () => {
  const folder = mkdtempSync(join(tmpdir(), 'test-proto-'));
  const protoPath = join(folder, 'orders.proto');
  writeFileSync(protoPath, PROTO);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = async () => {
    const logs = new LogBook();
    const url = `127.0.0.1:${10_000 + Math.floor(Math.random() * 20_000)}`;
    const app = await NestFactory.createMicroservice<MicroserviceOptions>(
      rootModule({ controllers: [GrpcOrders], providers: [Section] }),
      {
        transport: Transport.GRPC,
        options: { package: 'orders', protoPath, url },
        logger: logs,
        abortOnError: false,
      },
    );
    await app.listen();
    const { orders } = loadPackageDefinition(loadSync(protoPath)) as unknown as {
      orders: { Orders: new (url: string, how: object) => OrdersClient };
    };
    const client = new orders.Orders(url, credentials.createInsecure());
    const ask = (method: 'Pay' | 'PayNow', order: object) =>
      new Promise<unknown>((resolve) =>
        client[method](order, (error, answer) => resolve(error === null ? answer?.name : error)),
      );
    const running = runningContext(app, logs);
    const dispose = async () => {
      client.close();
      await running.close();
    };
    return { ...running, client, ask, section: running.get(Section), [Symbol.asyncDispose]: dispose };
  };

  it('runs one after the other under its name', async () => {
    await using running = await start();
    expect(await Promise.all([1, 2, 3].map(() => running.ask('Pay', { id: '7' })))).toEqual(
      Array(3).fill('order:7'),
    );
    expect([running.section.most, running.locks.held()]).toEqual([1, []]);
  });

  it('that is busy fails with general words, and nobody logs an error', async () => {
    await using running = await start();
    await using lease = await running.locks.acquire('order:7');
    const error = (await running.ask('PayNow', { id: '7' })) as ServiceError;
    expect(error.message).toContain('another request is working on this now; try again later');
    expect(error.message).not.toContain('order:7');
    expect([running.section.calls, running.logs.texts('error'), lease.state]).toEqual([0, [], 'held']);
  });

  it('does not run for a client that cancelled while it waited', async () => {
    await using running = await start();
    const lease = await running.locks.acquire('order:7');
    const call = running.client.Pay({ id: '7' }, () => undefined);
    await waiting(running.locks, 'order:7', 1);
    call.cancel();
    await waiting(running.locks, 'order:7', 0);
    await lease.release();
    await running.locks.using('order:7', () => undefined);
    expect(running.section.calls).toBe(0);
  });

  it('keeps the lock of a stream until the client cancels it', async () => {
    await using running = await start();
    const call = running.client.Feed({ id: '7' });
    call.on('error', () => undefined);
    await new Promise((resolve) => call.on('data', resolve as (value: never) => void));
    expect(running.locks.held().map(({ name }) => name)).toEqual(['feed:7']);
    call.cancel();
    await until(() => running.locks.held().length === 0, 'the lock is given back');
    expect(running.section.names).toEqual(['torn down']);
  });
});
