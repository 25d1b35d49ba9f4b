import { Body, Controller, Get, Injectable, Module, Param } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  CurrentLease,
  DistributedLockModule,
  Lease,
  Locked,
  LockService,
  lockServiceToken,
} from 'nestjs-distributed-lock';
import { NoLocks, TestLocks } from 'nestjs-distributed-lock/testing';

import { failureOf } from '../support/failure-of.js';

@Injectable()
class Groups {
  log: string[] = [];
  inside = 0;
  most = 0;
  finish = (): void => {};

  @Locked('group:<groupId>')
  async join(groupId: string, @CurrentLease() lease?: Lease): Promise<string> {
    this.inside += 1;
    this.most = Math.max(this.most, this.inside);
    this.log.push(`${groupId} in`);
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      lease!.signal.addEventListener('abort', () => this.log.push('told'));
      if (groupId === 'quick') setImmediate(resolve);
    });
    this.inside -= 1;
    return lease!.name;
  }
}

/** As a user has it: nobody can reach the options of the module, and no Redis is there. */
@Module({
  imports: [DistributedLockModule.forRoot({ redis: 'redis://127.0.0.1:1' })],
  providers: [Groups],
})
class AppModule {}

describe('TestLocks', () => {
  const locks = new TestLocks();
  let module: TestingModule;
  let groups: Groups;

  beforeEach(async () => {
    module = await locks.replaceIn(Test.createTestingModule({ imports: [AppModule] })).compile();
    await module.init();
    groups = module.get(Groups);
  });

  afterEach(async () => {
    await module.close();
  });

  it('takes the place of Redis in an application that configures its own, and really locks', async () => {
    await Promise.all(Array.from({ length: 5 }, () => groups.join('quick')));
    expect(groups.most).toBe(1);
  });

  it('has a lock that another process holds: callers wait until it is given back', async () => {
    const elsewhere = await locks.holdElsewhere('group:1');
    expect(await module.get(LockService).inspect('group:1')).toMatchObject({
      held: true,
      label: 'elsewhere',
    });
    expect(module.get(LockService).held()).toEqual([]);

    const joining = groups.join('1');
    await locks.clock.advanceAsync(5_000);
    expect(groups.log).toEqual([]);

    await elsewhere.release();
    await locks.clock.advanceAsync(0);
    expect(groups.log).toEqual(['1 in']);
    groups.finish();
    await expect(joining).resolves.toBe('group:1');
  });

  it('has callers who are told that it is busy when their waitMs have passed on the clock of the test', async () => {
    await using _elsewhere = await locks.holdElsewhere('group:1');
    const failure = failureOf(groups.join('1'));
    await locks.clock.advanceAsync(10_000);
    expect(await failure).toMatchObject({ code: 'LOCK_BUSY' });
  });

  it('lets the other process die: its lease runs out', async () => {
    await locks.holdElsewhere('group:1', { leaseMs: 2_000 });
    const joining = groups.join('1');
    await locks.clock.advanceAsync(2_000);
    groups.finish();
    await expect(joining).resolves.toBe('group:1');
  });

  it('lets another process stand in the queue', async () => {
    const joining = groups.join('1');
    await locks.clock.advanceAsync(0);
    const elsewhere = locks.holdElsewhere('group:1', { wait: true });
    groups.finish();
    await joining;
    await locks.clock.advanceAsync(0);
    const held = await elsewhere;
    expect(held).toMatchObject({ name: 'group:1', fencingToken: expect.any(Number) });
    await held.release();
    await held.release();
    expect(await module.get(LockService).isLocked('group:1')).toBe(false);
  });

  it('takes a lock away: the holder is told at once, and its result is an error', async () => {
    const failure = failureOf(groups.join('1'));
    await locks.clock.advanceAsync(0);

    await locks.loseLock('group:1');

    expect(groups.log).toEqual(['1 in', 'told']);
    groups.finish();
    expect(await failure).toMatchObject({ code: 'LOCK_LOST', cause: 'forced' });
  });

  it('closes an application at once although a lock is held and nobody moves the clock', async () => {
    const failure = failureOf(groups.join('1'));
    await locks.clock.advanceAsync(0);
    await module.close();
    groups.finish();
    expect(await failure).toMatchObject({ code: 'LOCK_LOST', cause: 'shutdown' });
  });

  it('serves the next application with no lock held', async () => {
    await locks.holdElsewhere('group:1');
    await module.close();
    module = await Test.createTestingModule({ imports: [locks.module()] }).compile();
    await module.init();
    expect(await module.get(LockService).isLocked('group:1')).toBe(false);
  });

  it('serves an application that is compiled and not started, after another one', async () => {
    await module.close();
    module = await Test.createTestingModule({ imports: [locks.module()] }).compile();
    await locks.holdElsewhere('group:1');
    expect(await module.get(LockService).tryAcquire('group:1')).toBeNull();
  });

  it.each([
    ['a name that somebody has', () => locks.holdElsewhere('group:1'), 'elsewhere has it; release it first'],
    ['a lock that nobody has', () => locks.loseLock('group:2'), 'loseLock("group:2"): nobody has it'],
    ['a name that is none', () => locks.holdElsewhere(''), 'lock name'],
    ['no application', () => new TestLocks().loseLock('a'), 'no application has these locks'],
    ['an unknown service', () => locks.loseLock('a', { service: 'jobs' }), 'no application has these locks'],
  ])('says what is wrong: %s', async (_what, action, message) => {
    await locks.holdElsewhere('group:1');
    expect((await failureOf(action())).message).toContain(message);
  });

  it('asks which one is meant when several applications have it', async () => {
    const other = await Test.createTestingModule({ imports: [locks.module()] }).compile();
    await other.init();
    expect((await failureOf(locks.holdElsewhere('a'))).message).toContain('2 applications have these locks');
    await other.close();
    await expect(locks.holdElsewhere('a')).resolves.toMatchObject({ name: 'a' });
  });

  it('tells the services of one application apart', async () => {
    const both = new TestLocks({ waitMs: 0 });
    const two = await Test.createTestingModule({ imports: [both.module(), both.module({ name: 'jobs' })] })
      .compile()
      .then((compiled) => compiled.init());
    await both.holdElsewhere('a', { service: 'jobs' });
    await expect(two.get(LockService).isLocked('a')).resolves.toBe(false);
    await expect(two.get<LockService>(lockServiceToken('jobs')).isLocked('a')).resolves.toBe(true);
    await two.close();
  });
});

describe('NoLocks', () => {
  const emitWarning = process.emitWarning.bind(process);
  const warnings: unknown[] = [];

  beforeAll(() => {
    process.emitWarning = (warning: unknown) => void warnings.push(warning);
  });

  afterAll(() => {
    process.emitWarning = emitWarning;
  });

  it.each(['replaceIn', 'module'])('lets everybody in at once, each with a lease (%s)', async (how) => {
    const double = new NoLocks();
    const module = await (
      how === 'module'
        ? Test.createTestingModule({ imports: [double.module()], providers: [Groups] })
        : double.replaceIn(Test.createTestingModule({ imports: [AppModule] }))
    ).compile();
    await module.init();
    const names = await Promise.all(Array.from({ length: 5 }, () => module.get(Groups).join('quick')));
    expect(names).toEqual(Array(5).fill('group:quick'));
    expect(module.get(Groups).most).toBe(5);
    await module.close();
  });

  it('lets siblings inside of a section in at once, whatever mode they ask for', async () => {
    const module = await Test.createTestingModule({ imports: [new NoLocks().module()] }).compile();
    const locks = module.get(LockService);
    let inside = 0;
    const section = async (): Promise<number> => {
      inside += 1;
      await new Promise(setImmediate);
      return inside--;
    };
    const both = () =>
      Promise.all([locks.using('a', section), locks.using('a', section, { mode: 'shared', waitMs: 0 })]);
    expect(await locks.using('a', both)).toEqual([2, 1]);
    await module.close();
  });

  it('still finds a wrong template when the application starts', async () => {
    @Controller()
    class Wrong {
      @Get(':id')
      @Locked('a:<no>')
      handle(@Param('id') id: string, @Body() body: object): unknown {
        return [id, body];
      }
    }
    const module = await Test.createTestingModule({
      imports: [new NoLocks().module()],
      controllers: [Wrong],
    }).compile();
    const start = failureOf(module.createNestApplication({ logger: false }).init());
    expect((await start).message).toContain('Wrong.handle');
  });

  it('says that it locks nothing, once per process', () => {
    expect(warnings).toEqual([expect.stringContaining('nothing is locked in this application')]);
  });

  it('refuses services that are no list', () => {
    expect(() => new NoLocks({ services: 'jobs' as never })).toThrow('services must be a list of names');
  });
});
