import { Controller, type INestApplication, Param, Post } from '@nestjs/common';
import { describe, expect, it, jest } from '@jest/globals';
import {
  CurrentLease,
  DistributedLockModule,
  type Lease,
  Locked,
  LockInterceptor,
  LockService,
  memoryStore,
} from '../../src/index.js';
import { ADAPTERS, memoryLocks, startApp } from './support/start-app.js';

@Controller('groups/:groupId')
class GroupsController {
  @Post()
  @Locked('group:<groupId>')
  change(@Param('groupId') _groupId: string, @CurrentLease() lease: Lease) {
    return { held: lease.state };
  }
}

describe.each(ADAPTERS)('a request that meets the interceptor twice, on %s', (adapter) => {
  it('because there are two lock services: it is locked once, and does not wait for itself', async () => {
    const second = DistributedLockModule.forRoot({ name: 'jobs', store: memoryStore() });
    const imports = [memoryLocks(), second];
    await using running = await startApp({ adapter, imports, controllers: [GroupsController] });
    const asked = jest.spyOn(running.app.get(LockService), 'acquire');
    const response = await fetch(`${running.url}/groups/42`, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([201, { held: 'held' }]);
    expect(asked).toHaveBeenCalledTimes(1); // a second time would enter the lock again
  });

  it('because the application names it, too: it is locked once, and does not wait for itself', async () => {
    const configure = (app: INestApplication) => void app.useGlobalInterceptors(app.get(LockInterceptor));
    await using running = await startApp({ adapter, configure, controllers: [GroupsController] });
    const asked = jest.spyOn(running.app.get(LockService), 'acquire');
    const response = await fetch(`${running.url}/groups/42`, { method: 'POST' });
    expect([response.status, await response.json()]).toEqual([201, { held: 'held' }]);
    expect(asked).toHaveBeenCalledTimes(1);
  });
});
