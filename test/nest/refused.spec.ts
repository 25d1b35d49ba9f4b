import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Controller, Injectable, Param, Post } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { DistributedLockModule, Locked, lockName, LockService, memoryStore } from '../../src/index.js';
import type { RefusedEvent } from '../../lib/index.js';
import { failureOf } from '../support/failure-of.js';
import { ADAPTERS, startApp } from './support/start-app.js';

@Injectable()
class Groups {
  @Locked('group:<id>', { onBusy: 'reject' })
  async join(id: string): Promise<string> {
    return id;
  }

  @Locked(['user:<from>', 'user:<to>'], { onBusy: 'reject' })
  async send(from: string, to: string): Promise<string> {
    return from + to;
  }

  @Locked((id: string) => lockName`group:${id}`, { onBusy: 'reject' })
  async leave(id: string): Promise<string> {
    return id;
  }
}

describe('the event «refused» of @Locked', () => {
  it('names class and method, and the template that its names were made from', async () => {
    const testing = await Test.createTestingModule({
      imports: [DistributedLockModule.forRoot({ store: memoryStore() })],
      providers: [Groups],
    }).compile();
    await testing.init();
    const [groups, locks] = [testing.get(Groups), testing.get(LockService)];
    const heard: Partial<RefusedEvent>[] = [];
    locks.on('refused', ({ name, label, template, reason }) => heard.push({ name, label, template, reason }));
    const lease = await locks.acquire(['group:7', 'user:2']);
    await failureOf(groups.join('7'));
    await failureOf(groups.send('1', '2'));
    await failureOf(groups.leave('7'));
    await lease.release();
    await testing.close();
    expect(heard).toEqual([
      { name: 'group:7', label: 'Groups.join', template: 'group:<id>', reason: 'busy' },
      { name: 'user:2', label: 'Groups.send', template: 'user:<from> + user:<to>', reason: 'busy' },
      { name: 'group:7', label: 'Groups.leave', template: undefined, reason: 'busy' },
    ]);
  });

  it("says «skipped» where onBusy: 'skip' leaves the method out", async () => {
    @Injectable()
    class Jobs {
      @Locked('job', { onBusy: 'skip' })
      async run(): Promise<string> {
        return 'ran';
      }
    }
    const testing = await Test.createTestingModule({
      imports: [DistributedLockModule.forRoot({ store: memoryStore() })],
      providers: [Jobs],
    }).compile();
    await testing.init();
    const locks = testing.get(LockService);
    const reasons: string[] = [];
    locks.on('refused', ({ reason }) => void reasons.push(reason));
    const lease = await locks.acquire('job');
    expect(await testing.get(Jobs).run()).toBeUndefined();
    await lease.release();
    await testing.close();
    expect(reasons).toEqual(['skipped']);
  });

  it.each(ADAPTERS)('tells on %s of a client that left while it waited', async (adapter) => {
    @Controller('groups')
    class GroupsController {
      @Post(':id')
      @Locked('group:<id>')
      join(@Param('id') id: string): Promise<string> {
        return Promise.resolve(id);
      }
    }
    await using running = await startApp({ adapter, controllers: [GroupsController] });
    const locks = running.app.get(LockService);
    const told = new Promise<RefusedEvent>((resolve) => void locks.on('refused', resolve));
    const lease = await locks.acquire('group:7');
    const client = new AbortController();
    locks.on('waiting', () => client.abort());
    await failureOf(fetch(`${running.url}/groups/7`, { method: 'POST', signal: client.signal }));
    expect(await told).toMatchObject({ reason: 'aborted', name: 'group:7', template: 'group:<id>' });
    await lease.release();
  });
});
