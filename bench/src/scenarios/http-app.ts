import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Controller, Get, Logger, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DistributedLockModule, Locked, LockService } from 'nestjs-distributed-lock';

import { SectionWitness } from '../child/section-witness.js';
import { BrokenLockError } from '../run/outcome.js';

export type Platform = 'express' | 'fastify';

/** Every so many sections last until the event loop has turned, so that somebody else could be seen inside. */
const LONG_SECTION = 16;
/** Every so many requests ask the store whether their name is really locked. */
const ASKED = 256;
const THE_ONE = 'the-one';

/** The same work in each route, whether it is watched or not. */
@Controller()
class ItemsController {
  readonly one = new SectionWitness();
  readonly #others = new SectionWitness();
  #requests = 0;
  notLocked = 0;

  constructor(private readonly locks: LockService) {}

  @Get('plain/:id')
  plain(@Param('id') id: string): Promise<{ id: string }> {
    return this.#work(id, this.#others);
  }

  @Get('locked/:id')
  @Locked('item:<id>')
  async locked(@Param('id') id: string): Promise<{ id: string }> {
    return this.#checked(id);
  }

  /** What a lock that does not lock would be; for the tests. */
  @Get('unlocked/:id')
  unlocked(@Param('id') id: string): Promise<{ id: string }> {
    return this.#checked(id);
  }

  async #checked(id: string): Promise<{ id: string }> {
    if (++this.#requests % ASKED === 0 && !(await this.locks.isLocked(`item:${id}`))) this.notLocked++;
    return this.#work(id, id === THE_ONE ? this.one : this.#others);
  }

  async #work(id: string, witness: SectionWitness): Promise<{ id: string }> {
    await witness.section(async () => {
      if (witness.done % LONG_SECTION === 0) await turn();
    });
    return { id };
  }
}

export interface HttpApp {
  readonly port: number;
  /** @throws BrokenLockError */
  check(): void;
}

export async function startHttpApp(platform: Platform, redisUrl: string): Promise<HttpApp> {
  @Module({ imports: [DistributedLockModule.forRoot({ redis: redisUrl })], controllers: [ItemsController] })
  class AppModule {}

  Logger.overrideLogger(['error']);
  const app =
    platform === 'express'
      ? await NestFactory.create(AppModule)
      : await NestFactory.create(AppModule, new FastifyAdapter());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  const controller = app.get(ItemsController);
  return {
    port,
    check() {
      controller.one.check();
      const { notLocked } = controller;
      if (notLocked > 0) throw new BrokenLockError(`${notLocked} requests ran without their lock`);
    },
  };
}
