import { Controller, Get, Inject, Injectable, Param } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { interval, type Observable, take } from 'rxjs';
import { DistributedLockModule, Locked, LockService } from '../../src/index.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';
import { settled, until } from './support/gate.js';
import { ADAPTERS, startApp, startUpError } from './support/start-app.js';

@Injectable()
class Payments {
  @Locked('payment:<orderId>', { release: 'sent' })
  async pay(orderId: string): Promise<string> {
    return `paid ${orderId}`;
  }
}

@Controller('orders')
class Orders {
  constructor(@Inject(Payments) private readonly payments: Payments) {}

  @Get(':orderId/by-decorator')
  @Locked('order:<orderId>', { release: 'sent', onBusy: 'reject' })
  async byDecorator(@Param('orderId') orderId: string): Promise<string> {
    return `served ${orderId}`;
  }

  @Get(':orderId/after-pipes')
  @Locked('order:<orderId>', { release: 'sent', phase: 'handler' })
  async afterPipes(@Param('orderId') orderId: string): Promise<string> {
    return `served ${orderId}`;
  }

  @Get(':orderId/stream')
  @Locked('order:<orderId>', { release: 'sent' })
  stream(@Param('orderId') _orderId: string): Observable<number> {
    return interval(1).pipe(take(3));
  }

  @Get(':orderId/by-service')
  byService(@Param('orderId') orderId: string): Promise<string> {
    return this.payments.pay(orderId);
  }

  @Get(':orderId/by-module')
  @Locked('order:<orderId>')
  async byModule(@Param('orderId') orderId: string): Promise<string> {
    return `served ${orderId}`;
  }

  @Get(':orderId/confirmed')
  @Locked('order:<orderId>', { release: 'confirmed' })
  async confirmed(@Param('orderId') orderId: string): Promise<string> {
    return `served ${orderId}`;
  }
}

describe.each(ADAPTERS)('a request whose release is only sent, on %s', (adapter) => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function start(release: 'confirmed' | 'sent' = 'confirmed') {
    const redis = new MeddledRedis(server.url);
    const imports = [DistributedLockModule.forRoot({ redis: redis.client as Redis, release })];
    const running = await startApp({ adapter, controllers: [Orders], providers: [Payments], imports });
    await running.app.get(LockService).using('warm-up', () => undefined); // the first release of a connection is confirmed
    return { redis, ...running, [Symbol.asyncDispose]: running[Symbol.asyncDispose] };
  }

  it.each(['by-decorator', 'after-pipes', 'stream', 'by-service'])(
    'is answered one round trip earlier: before the answer of its release (%s)',
    async (route) => {
      await using running = await start();
      const reply = running.redis.holdReply('release');
      const answer = await fetch(`${running.url}/orders/7/${route}`);
      expect([answer.status, (await answer.text()).length > 0]).toEqual([200, true]);
      await reply.executed;
      reply.letGo();
    },
  );

  it('can be the rule for a whole application, with exceptions', async () => {
    await using running = await start('sent');
    const first = running.redis.holdReply('release');
    expect((await fetch(`${running.url}/orders/7/by-module`)).status).toBe(200);
    first.letGo();
    expect(await answersBefore(running, 'confirmed')).toBe(false);
  });

  it('is not the default', async () => {
    await using running = await start();
    expect(await answersBefore(running, 'by-module')).toBe(false);
  });

  it('what others see: until the release has arrived, another instance answers 423 to who does not wait', async () => {
    await using here = await start();
    await using there = await start();
    const onItsWay = here.redis.holdBack('release');
    expect((await fetch(`${here.url}/orders/7/by-decorator`)).status).toBe(200);
    expect((await fetch(`${there.url}/orders/7/by-decorator`)).status).toBe(423);
    const waiting = fetch(`${there.url}/orders/7/confirmed`);
    const inspect = () => there.app.get(LockService).inspect('order:7');
    await until(async () => (await inspect()).waitingProcesses === 1, 'it waits');
    await onItsWay.letGo();
    expect((await waiting).status).toBe(200);
    expect((await fetch(`${there.url}/orders/7/by-decorator`)).status).toBe(200);
  });

  /** Is the request answered while the server's answer to its release is held back? */
  async function answersBefore(running: Awaited<ReturnType<typeof start>>, route: string): Promise<boolean> {
    const reply = running.redis.holdReply('release');
    let answered = false;
    const answer = fetch(`${running.url}/orders/7/${route}`).then(() => (answered = true));
    await reply.executed;
    await settled();
    const before = answered;
    reply.letGo();
    await answer;
    return before;
  }
});

describe('the option release', () => {
  it('of the module is checked when the application starts', async () => {
    expect(await startUpError({ locks: { release: 'sent' } })).toContain('started');
    const start = async () => startUpError({ locks: { release: 'later' as 'sent' } });
    expect(await start().catch(({ message }: Error) => message)).toContain(
      `release must be 'confirmed' or 'sent', got "later"`,
    );
  });

  it('of a decorator is checked when the class is defined', () => {
    const define = () => {
      class Groups {
        @Locked('group', { release: 'later' as 'sent' })
        async join(): Promise<void> {}
      }
      return Groups;
    };
    expect(define).toThrow(`@Locked on Groups.join: release must be 'confirmed' or 'sent', got "later"`);
  });
});
