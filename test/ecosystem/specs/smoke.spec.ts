import 'reflect-metadata';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DistributedLockModule, Locked, LockService } from 'nestjs-distributed-lock';

import { startRedis, type RedisServer } from '../support/start-redis.js';

@Controller('groups')
class GroupsController {
  readonly log: string[] = [];

  @Get(':groupId')
  @Locked('group:<groupId>')
  async join(@Param('groupId') groupId: string): Promise<string> {
    this.log.push('in');
    await new Promise((resolve) => setTimeout(resolve, 20));
    this.log.push('out');
    return groupId;
  }

  @Get('fast/:groupId')
  @Locked('group:<groupId>', { onBusy: 'reject' })
  async fast(@Param('groupId') groupId: string): Promise<string> {
    return groupId;
  }
}

describe('an application that has the package from npm', () => {
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
  });

  afterAll(async () => {
    await redis.stop();
  });

  it.each(['express', 'fastify'])('locks a route per value on %s, and gives the lock back', async (name) => {
    @Module({
      imports: [DistributedLockModule.forRoot({ redis: redis.url })],
      controllers: [GroupsController],
    })
    class AppModule {}
    const adapter = name === 'express' ? new ExpressAdapter() : new FastifyAdapter();
    const app = await NestFactory.create(AppModule, adapter, { logger: false, forceCloseConnections: true });
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();

    const answers = await Promise.all([1, 2, 3].map(async () => (await fetch(`${url}/groups/42`)).text()));

    expect(answers).toEqual(['42', '42', '42']);
    expect(app.get(GroupsController).log.join(' ')).toBe('in out in out in out');
    const lease = await app.get(LockService).acquire('group:42');
    const busy = await fetch(`${url}/groups/fast/42`);
    expect([busy.status, busy.headers.get('retry-after') === null]).toEqual([423, false]);
    await lease.release();
    expect(app.get(LockService).held()).toEqual([]);
    await app.close();
  });
});
