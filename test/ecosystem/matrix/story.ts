import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Param, ParseIntPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Redis } from 'ioredis';
import { CurrentLease, DistributedLockModule, Lease, Locked, LockService } from 'nestjs-distributed-lock';

import { startRedis } from '../support/start-redis.js';

@Injectable()
class SeatsService {
  taken = 0;
  tokens: number[] = [];

  /** Too many get in when two of them read before one writes. */
  @Locked('group:<groupId>')
  async take(groupId: number, @CurrentLease() lease?: Lease): Promise<number> {
    const taken = this.taken;
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.taken = taken + 1;
    this.tokens.push(lease!.fencingToken);
    return groupId;
  }
}

@Controller('groups')
class GroupsController {
  constructor(private readonly seats: SeatsService) {}

  @Get(':groupId/seat')
  @Locked('group:<groupId>')
  seat(@Param('groupId', ParseIntPipe) groupId: number): Promise<number> {
    return this.seats.take(groupId);
  }

  @Get(':groupId/at-once')
  @Locked('group:<groupId>', { onBusy: 'reject' })
  async atOnce(@Param('groupId', ParseIntPipe) groupId: number): Promise<number> {
    return groupId;
  }
}

/** What one application of a user does, from start to end, and what it must look like. */
export async function story(): Promise<unknown> {
  const redis = await startRedis();
  const client = new Redis(redis.url);
  try {
    return await tell(client);
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

export const EXPECTED = {
  seats: [200, 200, 200, 200, 200],
  taken: 5,
  rising: true,
  busy: [423, 'LOCK_BUSY', true],
  heldAtEnd: 0,
  answersAfterClose: 'PONG',
};

async function tell(client: Redis): Promise<unknown> {
  @Module({
    imports: [DistributedLockModule.forRoot({ redis: client })],
    controllers: [GroupsController],
    providers: [SeatsService],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, await adapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const get = async (path: string): Promise<Response> => fetch(`${await app.getUrl()}/groups/${path}`);

  const spellings = ['5/seat', '05/seat', '5/seat', '005/seat', '5/seat'];
  const seats = await Promise.all(spellings.map(async (path) => (await get(path)).status));
  const lease = await app.get(LockService).acquire('group:5');
  const refusal = await get('5/at-once');
  const problem = (await refusal.json()) as { code: string };
  await lease.release();
  const { taken, tokens } = app.get(SeatsService);
  const heldAtEnd = app.get(LockService).held().length;
  await app.close();
  return {
    seats,
    taken,
    rising: tokens.every((token, at) => at === 0 || token > tokens[at - 1]!),
    busy: [refusal.status, problem.code, refusal.headers.has('retry-after')],
    heldAtEnd,
    answersAfterClose: await client.ping(), // a connection that was lent is not closed
  };
}

async function adapter() {
  if (process.env['ADAPTER'] === 'fastify') {
    const { FastifyAdapter } = await import('@nestjs/platform-fastify');
    return new FastifyAdapter({ forceCloseConnections: true });
  }
  const { ExpressAdapter } = await import('@nestjs/platform-express');
  return new ExpressAdapter();
}
