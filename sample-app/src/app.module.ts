import { type DynamicModule, Module } from '@nestjs/common';
import { DistributedLockModule, type DistributedLockOptions, memoryStore } from 'nestjs-distributed-lock';
import type { SampleConfig, Story } from './config.js';
import { FrontController, SAMPLE_CONFIG } from './front/front.controller.js';
import { LockWaits } from './front/lock-waits.service.js';
import { GroupsModule } from './groups/groups.module.js';
import { MessagesModule } from './messages/messages.module.js';
import { PresenceModule } from './presence/presence.module.js';
import { StateModule } from './state/state.module.js';

@Module({})
export class AppModule {
  static register(config: SampleConfig): DynamicModule {
    const locked = (story: Story) => ({ locked: !config.unlocked.has(story) });
    const groups = GroupsModule.register(locked('groups'));
    return {
      module: AppModule,
      imports: [
        DistributedLockModule.forRoot({ ...lockStore(config), prefix: `${config.prefix}:lock` }),
        StateModule.register(config),
        PresenceModule.register(locked('presence')),
        groups,
        MessagesModule.register({ ...locked('messages'), groups }),
      ],
      controllers: [FrontController],
      providers: [{ provide: SAMPLE_CONFIG, useValue: config }, LockWaits],
    };
  }
}

/** Redis when there is one. The memory store excludes only callers of this process, so it must be asked for. */
function lockStore({ redisUrl }: SampleConfig): DistributedLockOptions {
  return redisUrl === undefined ? { store: memoryStore() } : { redis: redisUrl };
}
