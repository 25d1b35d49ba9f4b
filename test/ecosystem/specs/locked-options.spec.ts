import 'reflect-metadata';
import {
  Controller,
  Get,
  Injectable,
  Module,
  type ModuleMetadata,
  Param,
  ParseIntPipe,
  Post,
} from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory } from '@nestjs/core';
import { Query, Resolver } from '@nestjs/graphql';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  CurrentLease,
  DistributedLockModule,
  FeatureLocks,
  Lease,
  Locked,
  LockService,
  memoryStore,
  NotLocked,
} from 'nestjs-distributed-lock';

import { failureOf } from '../support/failure-of.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

const ADAPTERS = ['express', 'fastify'] as const;

async function served(adapter: (typeof ADAPTERS)[number], parts: ModuleMetadata) {
  @Module({ imports: [DistributedLockModule.forRoot({ store: memoryStore(), waitMs: 0 })], ...parts })
  class AppModule {}
  const http = adapter === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(AppModule, http, { logger: false, forceCloseConnections: true });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask = async (path: string, method = 'GET') => {
    const answer = await fetch(`${url}/${path}`, { method });
    return `${answer.status} ${await answer.text()}`;
  };
  return { app, ask, locks: app.get(LockService) };
}

/** What stops the start of an application without a server. */
async function startError(parts: ModuleMetadata): Promise<string> {
  @Module({ imports: [DistributedLockModule.forRoot({ store: memoryStore() })], ...parts })
  class AppModule {}
  const start = NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false });
  return (await failureOf(start)).message;
}

class Crud {
  @Get(':id/inherited')
  async inherited(@Param('id', ParseIntPipe) _id: number, @CurrentLease() lease?: Lease): Promise<string> {
    return lease?.name ?? 'no lock';
  }
}

@Locked('order:<id>')
@Controller('orders')
class Orders extends Crud {
  @Get(':id')
  async show(@Param('id', ParseIntPipe) _id: number, @CurrentLease() lease: Lease): Promise<string> {
    return lease.name;
  }

  @Post(':id')
  @Locked('order:<id>', { fallback: (_error, id: number) => `${id} later` })
  async pay(@Param('id', ParseIntPipe) id: number): Promise<string> {
    return `${id} paid`;
  }

  @Get(':id/dry')
  @Locked('order:<id>', { when: () => false })
  async dry(@Param('id', ParseIntPipe) id: number, @CurrentLease() lease: Lease | null): Promise<string> {
    return `${id} ${lease === null ? 'unlocked' : 'locked'}`;
  }

  @Get('free/of/locks')
  @NotLocked()
  async free(): Promise<string> {
    return 'free';
  }
}

describe.each(ADAPTERS)('@Locked on a class, and its options, on %s', (adapter) => {
  it('locks the routes of the class, inherited ones too; fallback, when and @NotLocked are their own', async () => {
    const { app, ask, locks } = await served(adapter, { controllers: [Orders] });
    expect(await ask('orders/07')).toBe('200 order:7');
    expect(await ask('orders/07/inherited')).toBe('200 order:7');
    expect(await ask('orders/07', 'POST')).toBe('201 7 paid');
    const lease = await locks.acquire('order:7');
    expect(await ask('orders/7')).toMatch(/^423 .*LOCK_BUSY/);
    expect(await ask('orders/7/inherited')).toMatch(/^423 .*LOCK_BUSY/);
    expect(await ask('orders/7', 'POST')).toBe('201 7 later');
    expect(await ask('orders/7/dry')).toBe('200 7 unlocked');
    expect(await ask('orders/free/of/locks')).toBe('200 free');
    await lease.release();
    await app.close();
  });
});

describe('handlers of other transports', () => {
  const skip = { onBusy: 'skip' } as const;

  it("onBusy: 'skip' stops the start on a query, a message and a route, and not on an event or a gateway's message", async () => {
    @Resolver()
    class Queries {
      @Query(() => String)
      @Locked('a', skip)
      async ask(): Promise<string> {
        return 'x';
      }
    }
    @Controller()
    class Messages {
      @MessagePattern('ask')
      @Locked('a', skip)
      async ask(@Payload() text: string): Promise<string> {
        return text;
      }
    }
    @Controller()
    class Routes {
      @Get()
      @Locked('a', skip)
      async ask(): Promise<string> {
        return 'x';
      }
    }
    @Controller()
    class Events {
      @EventPattern<string>('hear')
      @Locked('a', skip)
      async hear(): Promise<void> {}
    }
    @Injectable()
    class Gateway {
      @SubscribeMessage('hear')
      @Locked('a', skip)
      async hear(): Promise<void> {}
    }
    expect(await startError({ providers: [Queries] })).toContain("'skip' would answer a GraphQL operation");
    expect(await startError({ controllers: [Messages] })).toContain(
      "'skip' would answer a message that waits",
    );
    expect(await startError({ controllers: [Routes] })).toContain("'skip' would answer an HTTP request");
    @Module({
      imports: [DistributedLockModule.forRoot({ store: memoryStore() })],
      controllers: [Events],
      providers: [Gateway],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    const lease = await app.get(LockService).acquire('a');
    expect(await app.get(Gateway).hear()).toBeUndefined();
    await lease.release();
    await app.close();
  });

  it('@Locked on a class covers messages, queries and gateway messages, and nothing else of it', async () => {
    @Locked('hall:<0>')
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage('enter')
      async enter(_client: string, @CurrentLease() lease?: Lease): Promise<string> {
        return lease?.name ?? 'no lock';
      }

      async helper(): Promise<string> {
        return 'not locked';
      }
    }
    @Locked('book:<0>')
    @Resolver()
    class Books {
      @Query(() => String)
      async book(_id: string, @CurrentLease() lease?: Lease): Promise<string> {
        return lease?.name ?? 'no lock';
      }

      helper(): string {
        return 'at once';
      }
    }
    @Module({
      imports: [DistributedLockModule.forRoot({ store: memoryStore() })],
      providers: [{ provide: Gateway, useValue: new Gateway() }, Books],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    expect([await app.get(Gateway).enter('7'), await app.get(Gateway).helper()]).toEqual([
      'hall:7',
      'not locked',
    ]);
    expect([await app.get(Books).book('7'), app.get(Books).helper()]).toEqual(['book:7', 'at once']);
    await app.close();
  });
});

describe.each(ADAPTERS)('forFeature, on %s', (adapter) => {
  @Controller('invoices')
  class Invoices {
    constructor(readonly locks: FeatureLocks) {}

    @Get(':id')
    @Locked('order:<id>')
    async show(@Param('id') _id: string, @CurrentLease() lease: Lease): Promise<string> {
      return lease.name;
    }
  }

  @Module({ imports: [DistributedLockModule.forFeature({ prefix: 'billing' })], controllers: [Invoices] })
  class BillingModule {}

  it('puts its prefix before the names of the module, for @Locked and by hand', async () => {
    const root = DistributedLockModule.forRoot({ store: memoryStore(), waitMs: 0 });
    const { app, ask } = await served(adapter, { imports: [root, BillingModule] });
    expect(await ask('invoices/7')).toBe('200 billing:order:7');
    const lease = await app.get(Invoices, { strict: false }).locks.acquire('order:7');
    expect(await ask('invoices/7')).toMatch(/^423 /);
    await lease.release();
    await app.close();
  });
});

describe("onStoreFailure: 'run-unlocked'", () => {
  @Injectable()
  class Carts {
    inside = 0;
    most = 0;

    @Locked('cart:<0>', { waitMs: 200, onStoreFailure: 'run-unlocked' })
    async add(_id: string, @CurrentLease() lease?: Lease | null): Promise<string> {
      this.most = Math.max(this.most, ++this.inside);
      await new Promise((resolve) => setImmediate(resolve));
      this.inside--;
      return lease === null ? 'unlocked' : 'locked';
    }
  }

  it('runs one call after the other where no Redis answers, and tells each', async () => {
    @Module({
      imports: [DistributedLockModule.forRoot({ redis: 'redis://127.0.0.1:1', startup: 'background' })],
      providers: [Carts],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    let told = 0;
    app.get(LockService).on('runsUnlocked', () => told++);
    const carts = app.get(Carts);
    expect(await Promise.all([carts.add('1'), carts.add('1'), carts.add('1')])).toEqual(
      Array(3).fill('unlocked'),
    );
    expect([carts.most, told]).toEqual([1, 3]);
    await app.close();
  });
});

describe('options from @nestjs/config', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  it('come through forRootAsync', async () => {
    @Module({
      imports: [
        ConfigModule.forRoot({
          ignoreEnvFile: true,
          load: [() => ({ locks: { redis: redis.url, prefix: 'shop', waitMs: 2_000 } })],
        }),
        DistributedLockModule.forRootAsync({
          imports: [ConfigModule],
          inject: [ConfigService],
          useFactory: (config: ConfigService) => ({
            redis: config.getOrThrow<string>('locks.redis'),
            prefix: config.get('locks.prefix', 'lock'),
            waitMs: config.get('locks.waitMs', 10_000),
          }),
        }),
      ],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    expect(await app.get(LockService).using('a', ({ name }) => name)).toBe('a');
    await app.close();
  });
});
