import 'reflect-metadata';
import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type OnModuleDestroy,
} from '@nestjs/common';
import { HealthCheck, HealthCheckService, TerminusModule } from '@nestjs/terminus';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DistributedLockModule, LockService } from 'nestjs-distributed-lock';
import { LockHealthIndicator } from 'nestjs-distributed-lock/terminus';
import request from 'supertest';

import { failureOf } from '../support/failure-of.js';
import { eventually } from '../support/in-time.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly locks: LockHealthIndicator,
  ) {}

  @Get()
  @HealthCheck()
  check(): Promise<unknown> {
    return this.health.check([() => this.locks.isHealthy('locks', { withinMs: 2_000 })]);
  }
}

/** Looks at the health when the shutdown has begun, as a load balancer does while the server drains. */
@Injectable()
class Witness implements OnModuleDestroy {
  seen: unknown;

  constructor(
    private readonly locks: LockService,
    private readonly indicator: LockHealthIndicator,
  ) {}

  async onModuleDestroy(): Promise<void> {
    void this.locks.close();
    this.seen = await this.indicator.isHealthy('locks');
  }
}

describe('the health indicator for Terminus', () => {
  let redis: RedisServer;
  let app: INestApplication;

  beforeAll(async () => {
    redis = await startRedis();
  });

  beforeEach(async () => {
    @Module({
      imports: [
        DistributedLockModule.forRoot({ redis: redis.url }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [HealthController],
      providers: [LockHealthIndicator, Witness],
    })
    class AppModule {}
    const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = await module.createNestApplication({ logger: false }).init();
  });

  afterAll(async () => {
    await redis.stop();
  });

  const health = () => request(app.getHttpServer() as Parameters<typeof request>[0]).get('/health');

  it('is up while Redis answers, and counts the leases of this process', async () => {
    const lease = await app.get(LockService).acquire('group:42');
    expect(await health()).toMatchObject({
      status: 200,
      body: { status: 'ok', info: { locks: { status: 'up', held: 1 } } },
    });
    await lease.release();
    await app.close();
  });

  it('is down from the begin of the shutdown on', async () => {
    const witness = app.get(Witness);
    await app.close();
    expect(witness.seen).toEqual({ locks: { status: 'down', held: 0, reason: 'LOCK_CLOSED' } });
  });

  it('refuses a bound that is none', async () => {
    const failure = await failureOf(app.get(LockHealthIndicator).isHealthy('locks', { withinMs: -1 }));
    expect(failure.message).toBe(
      'isHealthy("locks"): withinMs must be more than 0 and at most 60000 ms, got -1',
    );
    await app.close();
  });

  it('is down when Redis is gone, with a code and without its address', async () => {
    await redis.stop();
    await eventually(async () => (await health()).status === 503);
    const { body } = (await health()) as { body: { error: { locks: { reason: string } } } };
    expect(body.error.locks).toEqual({
      status: 'down',
      held: 0,
      reason: expect.stringMatching(/^(LOCK_STORE_UNAVAILABLE|TOO_SLOW)$/),
    });
    expect(JSON.stringify(body)).not.toContain(String(redis.port));
    await app.close();
  });
});
