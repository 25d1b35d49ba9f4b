import 'reflect-metadata';
import { Controller, HttpCode, type INestApplication, Module, Param, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DistributedLockModule, Locked, LockService } from 'nestjs-distributed-lock';
import { TestLocks } from 'nestjs-distributed-lock/testing';
import request from 'supertest';

@Controller('groups')
class GroupsController {
  @Post(':groupId/seat')
  @HttpCode(200)
  @Locked('group:<groupId>', { waitMs: 2_000 })
  async seat(@Param('groupId') groupId: string): Promise<string> {
    return groupId;
  }
}

/** The application of a user: Redis by its address, and no way to give it something else. */
@Module({
  imports: [DistributedLockModule.forRoot({ redis: 'redis://127.0.0.1:1' })],
  controllers: [GroupsController],
})
class AppModule {}

describe('the tests of an application, under Vitest', () => {
  const locks = new TestLocks();
  let app: INestApplication;

  beforeEach(async () => {
    const module = await locks.replaceIn(Test.createTestingModule({ imports: [AppModule] })).compile();
    app = module.createNestApplication();
    await app.init();
  });

  afterEach(async () => {
    vi.useRealTimers();
    await app.close();
  });

  const server = () => app.getHttpServer() as Parameters<typeof request>[0];

  it('answer 423 when another process has the group longer than the request waits', async () => {
    await using _elsewhere = await locks.holdElsewhere('group:42');
    const waiting = new Promise<void>((resolve) => app.get(LockService).on('waiting', () => resolve()));
    const answer = Promise.resolve(request(server()).post('/groups/42/seat')); // begins now
    await waiting;
    await locks.clock.advanceAsync(2_000);
    expect(await answer).toMatchObject({ status: 423, body: { code: 'LOCK_BUSY' } });
  });

  it('run with fake timers of Vitest: the locks go by the clock of the test', async () => {
    vi.useFakeTimers();
    const elsewhere = await locks.holdElsewhere('job');
    const waiting = app.get(LockService).acquire('job');
    await locks.clock.advanceAsync(9_000);
    await elsewhere.release();
    const lease = await waiting;
    expect([lease.state, lease.waitedMs]).toEqual(['held', 9_000]);
    await locks.loseLock('job');
    expect(lease.signal.aborted).toBe(true);
  });

  it('run with fake timers and without a clock of the test: the timers of Vitest move the locks', async () => {
    vi.useFakeTimers();
    const other = await Test.createTestingModule({
      imports: [DistributedLockModule.forRootAsync({ useFactory: memoryOptions })],
    }).compile();
    await other.init();
    const service = other.get(LockService);
    const lease = await service.acquire('job', { leaseMs: 1_000, renew: false });
    const waiting = service.acquire('job');
    await vi.advanceTimersByTimeAsync(1_000);
    expect([lease.state, (await waiting).state]).toEqual(['lost', 'held']);
    const closing = other.close();
    await vi.advanceTimersByTimeAsync(10_000);
    await closing;
  });
});

async function memoryOptions() {
  const { memoryStore } = await import('nestjs-distributed-lock');
  return { store: memoryStore() };
}
