import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import {
  type CallHandler,
  Controller,
  type DynamicModule,
  type ExecutionContext,
  Get,
  Logger,
  type NestInterceptor,
  Param,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Redis } from 'ioredis';
import { DistributedLockModule, Locked } from 'nestjs-distributed-lock';
import { from, lastValueFrom, type Observable } from 'rxjs';

import type { LockClient } from '../adapters/adapter.js';
import { floor } from '../adapters/floor.js';
import { SectionWitness } from '../child/section-witness.js';
import { BrokenLockError, UnableError } from '../run/outcome.js';

export type Platform = 'express' | 'fastify';
/** How the one route of the application is locked. */
export type HttpLock = 'none' | 'floor' | 'ours' | 'ours-sent' | 'broken';

/** Every so many sections last until the event loop has turned, so that somebody else could be seen inside. */
const LONG_SECTION = 16;
/** Every so many requests ask Redis whether their name is really locked. */
const ASKED = 256;
const THE_ONE = 'the-one';

interface Item {
  readonly id: string;
}

/** What the handler does, the same in every application, whether it is watched or not. */
class Items {
  readonly one = new SectionWitness();
  readonly #others = new SectionWitness();
  readonly #redis: Redis;
  #requests = 0;
  notLocked = 0;

  /** @param keyOf where a lock is in Redis; null: there is none */
  constructor(
    url: string,
    private readonly keyOf: ((id: string) => string) | null,
  ) {
    this.#redis = new Redis(url);
  }

  async read(id: string): Promise<Item> {
    if (this.keyOf !== null && ++this.#requests % ASKED === 0) {
      if ((await this.#redis.exists(this.keyOf(id))) === 0) this.notLocked++;
    }
    const witness = id === THE_ONE && this.keyOf !== null ? this.one : this.#others;
    await witness.section(async () => {
      if (witness.done % LONG_SECTION === 0) await turn();
    });
    return { id };
  }
}

const HAND_KEY = (id: string): string => `item:${id}`;
const OUR_KEY = (id: string): string => `lock:{item:${id}}`;

/** What one writes by hand in ten minutes, for Nest: the answer leaves when the lock has been given back, as with ours. */
class HandWrittenLock implements NestInterceptor {
  constructor(private readonly client: LockClient) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { params } = context.switchToHttp().getRequest<{ params: Item }>();
    return from(this.client.using(HAND_KEY(params.id), () => lastValueFrom(next.handle())));
  }
}

function controllerWith(lock: MethodDecorator): Type {
  @Controller()
  class ItemsController {
    constructor(private readonly items: Items) {}

    /** Processor time of this process so far, in µs. */
    @Get('cpu')
    cpu(): { us: number } {
      const { user, system } = process.cpuUsage();
      return { us: user + system };
    }

    @Get('items/:id')
    @lock
    read(@Param('id') id: string): Promise<Item> {
      return this.items.read(id);
    }
  }
  return ItemsController;
}

const NOT_LOCKED: MethodDecorator = () => {};

const NAME = 'item:<id>';
/** Not by its type, for `--library` may name a version from before the option. */
const SENT: object = { release: 'sent' };

/** @throws UnableError for an option that this version does not know */
const withSentRelease: MethodDecorator = (target, key, descriptor) => {
  try {
    (Locked(NAME, SENT) as MethodDecorator)(target, key, descriptor);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'LOCK_OPTIONS_INVALID') throw error;
    throw new UnableError("this version's @Locked has no release: 'sent'");
  }
};

interface AppParts {
  readonly lock: MethodDecorator;
  readonly keyOf: ((id: string) => string) | null;
  readonly imports: DynamicModule[];
}

const ours = (url: string, lock: MethodDecorator): AppParts => ({
  lock,
  keyOf: OUR_KEY,
  imports: [DistributedLockModule.forRoot({ redis: url })],
});

const PARTS: Record<HttpLock, (url: string) => AppParts | Promise<AppParts>> = {
  none: () => ({ lock: NOT_LOCKED, keyOf: null, imports: [] }),
  /** What a lock that does not lock would be; for the tests. */
  broken: () => ({ lock: NOT_LOCKED, keyOf: OUR_KEY, imports: [] }),
  async floor(url) {
    const handWritten = new HandWrittenLock(await floor.open({ url }));
    return { lock: UseInterceptors(handWritten), keyOf: HAND_KEY, imports: [] };
  },
  ours: (url) => ours(url, Locked(NAME)),
  'ours-sent': (url) => ours(url, withSentRelease),
};

export interface HttpApp {
  readonly port: number;
  /** @throws BrokenLockError */
  check(): void;
}

/** An application as one has it: with this lock and nothing of the others. */
export async function startHttpApp(url: string, platform: Platform, kind: HttpLock): Promise<HttpApp> {
  const { lock, keyOf, imports } = await PARTS[kind](url);
  const items = new Items(url, keyOf);
  class AppModule {}
  const root: DynamicModule = {
    module: AppModule,
    imports,
    controllers: [controllerWith(lock)],
    providers: [{ provide: Items, useValue: items }],
  };
  Logger.overrideLogger(['error']);
  const app =
    platform === 'express'
      ? await NestFactory.create(root)
      : await NestFactory.create(root, new FastifyAdapter());
  await app.listen(0, '127.0.0.1');
  const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
  return {
    port,
    check() {
      items.one.check();
      if (items.notLocked > 0)
        throw new BrokenLockError(`${items.notLocked} requests ran without their lock`);
    },
  };
}
