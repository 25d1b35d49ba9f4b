import { Controller, Get, Module, Param, UseFilters, UseInterceptors } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  CurrentLease,
  DistributedLockModule,
  type Lease,
  Locked,
  LockExceptionFilter,
  LockInterceptor,
  LockService,
  memoryStore,
} from '../../src/index.js';
import { ADAPTERS, startApp } from './support/start-app.js';

/** A feature module that does not import ours: what the classes need must be visible to it, as the lock service is. */
@UseInterceptors(LockInterceptor)
@UseFilters(LockExceptionFilter)
@Controller('groups/:groupId')
class GroupsController {
  @Get()
  @Locked('group:<groupId>', { onBusy: 'reject' })
  show(@Param('groupId') _groupId: string, @CurrentLease() lease: Lease) {
    return { held: lease.state };
  }
}

@Module({ controllers: [GroupsController] })
class GroupsModule {}

describe.each(ADAPTERS)('LockInterceptor and LockExceptionFilter named on a controller, on %s', (adapter) => {
  it.each([
    ['of an application that has them for all routes', true],
    ['of a module that imports ours for itself alone', false],
  ])('%s: locked once, and busy is told as everywhere', async (_where, isGlobal) => {
    const locks = DistributedLockModule.forRoot({ store: memoryStore(), isGlobal, exposeLockName: true });
    @Module({ imports: isGlobal ? [GroupsModule] : [], controllers: isGlobal ? [] : [GroupsController] })
    class Feature {}
    const imports = isGlobal ? [locks, Feature] : [{ module: Feature, imports: [locks] }];
    await using running = await startApp({ adapter, imports });
    const get = () => fetch(`${running.url}/groups/42`);
    const free = await get();
    expect([free.status, await free.json()]).toEqual([200, { held: 'held' }]);
    const busy = await running.app.get(LockService).using('group:42', get);
    expect(busy.status).toBe(423);
    expect(busy.headers.get('content-type')).toContain('application/problem+json');
    expect(await busy.json()).toMatchObject({ code: 'LOCK_BUSY', lockName: 'group:42' });
  });
});
