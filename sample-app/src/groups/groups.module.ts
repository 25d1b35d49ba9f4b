import { type DynamicModule, Module } from '@nestjs/common';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { UnlockedGroupsController } from './groups.unlocked.js';
import { UserGroupsController } from './user-groups.controller.js';

@Module({})
export class GroupsModule {
  static register({ locked }: { locked: boolean }): DynamicModule {
    return {
      module: GroupsModule,
      controllers: [locked ? GroupsController : UnlockedGroupsController, UserGroupsController],
      providers: [GroupsService],
      exports: [GroupsService],
    };
  }
}
