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
  Injectable,
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
    const witness = id === THE_ONE ? this.one : this.#others;
    await witness.section(async () => {
      if (witness.done % LONG_SECTION === 0) await turn();
    });
    return { id };
  }
}

const HAND_KEY = (id: string): string => `item:${id}`;
const OUR_KEY = (id: string): string => `lock:{item:${id}}`;

/** What one writes by hand in ten minutes, for Nest: the answer leaves when the lock has been given back, as with ours. */
@Injectable()
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

function locked(options: object): MethodDecorator {
  try {
    return Locked('item:<id>', options);
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'LOCK_OPTIONS_INVALID') throw error;
    throw new UnableError(`this version's @Locked has no option ${Object.keys(options).join()}`);
  }
}

interface AppParts {
  readonly lock: MethodDecorator;
  readonly keyOf: ((id: string) => string) | null;
  readonly module?: Partial<DynamicModule>;
}

async function partsOf(url: string, lock: HttpLock): Promise<AppParts> {
  const ours = { keyOf: OUR_KEY, module: { imports: [DistributedLockModule.forRoot({ redis: url })] } };
  switch (lock) {
    case 'none':
      return { lock: NOT_LOCKED, keyOf: null };
    case 'broken':
      return { lock: NOT_LOCKED, keyOf: OUR_KEY };
    case 'floor': {
      const useValue = new HandWrittenLock(await floor.open({ url }));
      const module = { providers: [{ provide: HandWrittenLock, useValue }] };
      return { lock: UseInterceptors(HandWrittenLock), keyOf: HAND_KEY, module };
    }
    case 'ours':
      return { lock: locked({}), ...ours };
    case 'ours-sent':
      return { lock: locked({ release: 'sent' }), ...ours };
  }
}

export interface HttpApp {
  readonly port: number;
  /** @throws BrokenLockError */
  check(): void;
}

/** An application as one has it: with this lock and nothing of the others. */
export async function startHttpApp(url: string, platform: Platform, kind: HttpLock): Promise<HttpApp> {
  const { lock, keyOf, module = {} } = await partsOf(url, kind);
  const items = new Items(url, keyOf);
  class AppModule {}
  const root: DynamicModule = {
    module: AppModule,
    controllers: [controllerWith(lock)],
    ...module,
    providers: [{ provide: Items, useValue: items }, ...(module.providers ?? [])],
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
