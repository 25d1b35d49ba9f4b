import { type DynamicModule, Module } from '@nestjs/common';
import { GroupQueriesController } from './group-queries.controller.js';
import { GroupsController } from './groups.controller.js';
import { GroupsService } from './groups.service.js';
import { UnlockedGroupsController } from './groups.unlocked.js';

@Module({})
export class GroupsModule {
  static register({ locked }: { locked: boolean }): DynamicModule {
    return {
      module: GroupsModule,
      controllers: [locked ? GroupsController : UnlockedGroupsController, GroupQueriesController],
      providers: [GroupsService],
      exports: [GroupsService],
    };
  }
}
