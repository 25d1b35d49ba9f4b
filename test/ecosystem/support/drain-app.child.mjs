// An application as a deploy ends it: a process of its own, told by signals. Says its address, then what happened at its end.
import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DistributedLockModule, Locked, LockService } from 'nestjs-distributed-lock';

const { ADAPTER, REDIS_URL, WORK_MS, DRAIN_MS, FORCE_CLOSE } = process.env;
const say = (word, value) => process.stdout.write(`${word} ${JSON.stringify(value)}\n`);

const told = new Promise((resolve) => {
  process.once('SIGTERM', resolve);
});

class Shop {
  constructor() {
    this.inside = 0;
  }

  async buy(_item) {
    say('inside', (this.inside += 1));
    await told; // however slow the machine is: none of these has ended when the signal comes
    await sleep(Number(WORK_MS));
    return 'bought';
  }
}
const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, 'buy');
Param('item')(Shop.prototype, 'buy', 0);
Locked('item:<item>')(Shop.prototype, 'buy', descriptor);
Get('buy/:item')(Shop.prototype, 'buy', descriptor);
Object.defineProperty(Shop.prototype, 'buy', descriptor);
Controller()(Shop);
class AppModule {}
Module({
  imports: [DistributedLockModule.forRoot({ redis: REDIS_URL, drainMs: Number(DRAIN_MS) })],
  controllers: [Shop],
})(AppModule);

const forceCloseConnections = FORCE_CLOSE === 'yes';
// Express reads it from the options of the application, Fastify on Nest 11 from those of its adapter.
const options = { logger: false, forceCloseConnections };
const adapter =
  ADAPTER === 'fastify'
    ? new (await import('@nestjs/platform-fastify')).FastifyAdapter({ forceCloseConnections })
    : new (await import('@nestjs/platform-express')).ExpressAdapter();
const app = await NestFactory.create(AppModule, adapter, options);
app.enableShutdownHooks();
const locks = app.get(LockService);
locks.on('lost', ({ cause }) => say('lost', cause));
let arrived = 0;
app.use((_request, _response, next) => {
  say('arrived', (arrived += 1));
  next();
});
await app.listen(0, '127.0.0.1');
say('listening', await app.getUrl());
