/** A small Nest application, to be told to end while it holds a lock and others wait: see nest-cells.ts. */
import 'reflect-metadata';
import { once } from 'node:events';
import { Controller, Get, Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  CurrentLease,
  DistributedLockModule,
  type Lease,
  Locked,
  LockService,
} from 'nestjs-distributed-lock';
import { redisStore } from 'nestjs-distributed-lock/engine';

const { REDIS_URL = '', DRAIN_MS = '500' } = process.env;

@Controller()
class Shop {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  /** Works until it is told to finish, or that its lock is lost. */
  @Get('hold')
  @Locked('item', { leaseMs: 1_000 })
  async hold(@CurrentLease() lease: Lease): Promise<string> {
    process.send?.('holding');
    await once(process, 'message', { signal: lease.signal });
    return 'done';
  }

  @Get('waiting')
  async waiting(): Promise<number> {
    return (await this.locks.inspect('item')).waitingHere;
  }
}

@Module({
  imports: [
    DistributedLockModule.forRoot({
      store: redisStore({ url: REDIS_URL, commandMs: 300 }),
      drainMs: Number(DRAIN_MS),
      keepMs: 300,
    }),
  ],
  controllers: [Shop],
})
class App {}

const app = await NestFactory.create(App, { logger: false });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
const { port } = app.getHttpServer().address() as { port: number };
process.send?.(`listening ${port}`);
process.on('message', () => undefined);
process.channel?.unref(); // the test's line to us must not keep us here
