import { Controller, Get, Param } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { type DistributedLockOptions, Locked, LockService } from '../../src/index.js';
import { Gate, until } from './support/gate.js';
import { ADAPTERS, type RunningApp, startApp, startUpError } from './support/start-app.js';

const gate = new Gate();

@Controller('groups/:groupId')
class GroupsController {
  @Get('join')
  @Locked('group:<groupId>')
  async join(@Param('groupId') _groupId: string): Promise<string> {
    await gate.pass();
    return 'joined';
  }

  @Get('crowd')
  @Locked('group:<groupId>', { maxWaiters: 3 })
  async crowd(@Param('groupId') _groupId: string): Promise<string> {
    await gate.pass();
    return 'joined';
  }
}

/** So many requests that wait behind one that is in its handler. */
async function queueUp({ app, url }: RunningApp, path: string, count: number): Promise<Promise<Response>[]> {
  const answers = [fetch(`${url}/${path}`)];
  await gate.arrived();
  for (let request = 0; request < count; request += 1) answers.push(fetch(`${url}/${path}`));
  const waiting = async () => (await app.get(LockService).inspect('group:7')).waitingHere;
  await until(async () => (await waiting()) === count, `${count} requests wait`);
  return answers;
}

describe.each(ADAPTERS)('too many requests for one lock, on %s', (adapter) => {
  const start = (locks: DistributedLockOptions) =>
    startApp({ adapter, locks, controllers: [GroupsController] });

  it.each([
    ['of the module', 'groups/7/join', { maxWaiters: 1 }, 1],
    ['of the decorator, which wins', 'groups/7/crowd', { maxWaiters: 1 }, 3],
  ])('one more than maxWaiters %s is 429 with Retry-After, and the others are served', async (...given) => {
    const [, path, locks, most] = given;
    await using running = await start(locks);
    const answers = await queueUp(running, path, most);
    const refused = await fetch(`${running.url}/${path}`);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    const retryAfterS = Number(refused.headers.get('retry-after'));
    expect(retryAfterS).toBeGreaterThanOrEqual(1);
    expect(retryAfterS).toBeLessThanOrEqual(30);
    expect(await refused.json()).toMatchObject({ status: 429, code: 'LOCK_QUEUE_FULL', retryable: true });
    for (let served = 0; served <= most; served += 1) await gate.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(most + 1).fill(200));
  });
});

describe('options of cohorts and queues', () => {
  it('of the module are known, and checked when the application starts', async () => {
    const locks = { cohortMs: 0, maxWaiters: 5, maxWaitingProcesses: 50 };
    expect(await startUpError({ locks })).toContain('started');
    const bad = [{ cohortMs: -1 }, { maxWaiters: 0 }, { maxWaitingProcesses: 1.5 }];
    for (const options of bad) {
      const [option] = Object.keys(options);
      const start = async () => startUpError({ locks: options });
      const problem = await start().catch(({ message }: Error) => message);
      expect(problem).toContain(`${option} must be an integer`);
    }
  });

  it('of a decorator are known, and checked when the class is defined', () => {
    const define = (options: object) => () => {
      class Groups {
        @Locked('group', options)
        async join(): Promise<void> {}
      }
      return Groups;
    };
    expect(define({ cohortMs: 0, maxWaiters: 5, maxWaitingProcesses: 50 })).not.toThrow();
    expect(define({ maxWaiters: 0 })).toThrow(/@Locked on Groups\.join: maxWaiters must be an integer/);
    expect(define({ cohortMs: 5_000 })).toThrow(/cohortMs must be an integer from 0 to 1000 ms, got 5000/);
    expect(define({ maxWaitingProcesses: '9' })).toThrow(/maxWaitingProcesses must be an integer/);
  });

  it('cohortMs of a decorator reaches the engine: with 0 every call takes its own turn in the store', async () => {
    const seen: number[] = [];
    @Controller()
    class Counter {
      @Get('count')
      @Locked('counter', { cohortMs: 0, maxWaiters: 2 })
      async count(): Promise<string> {
        seen.push(seen.length);
        await gate.pass();
        return 'counted';
      }
    }
    await using running = await startApp({ controllers: [Counter] });
    const locks = running.app.get(LockService);
    const answers = [fetch(`${running.url}/count`)];
    await gate.arrived();
    answers.push(fetch(`${running.url}/count`));
    // A caller whose turn comes inside the process has no place in the store's queue.
    await until(async () => (await locks.inspect('counter')).waitingProcesses === 1, 'the second is queued');
    await gate.open();
    await gate.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200]);
  });
});
