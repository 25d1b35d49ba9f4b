import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { lockName, LockService } from 'nestjs-distributed-lock';
import { UserParams } from '../http/user-params.js';
import { Group, GroupLock, GroupParams } from './groups.dto.js';
import { GroupsService } from './groups.service.js';

/** Looking changes nothing, so it needs no lock: every row is written whole. */
@ApiTags('groups')
@Controller()
export class GroupQueriesController {
  constructor(
    private readonly groups: GroupsService,
    private readonly locks: LockService,
  ) {}

  @Get('groups/:groupId')
  @ApiOkResponse({ type: Group })
  find(@Param() { groupId }: GroupParams): Promise<Group> {
    return this.groups.find(groupId);
  }

  @Get('groups/:groupId/members')
  @ApiOkResponse({ type: [String] })
  async members(@Param() { groupId }: GroupParams): Promise<string[]> {
    return (await this.groups.find(groupId)).members;
  }

  @Get('groups/:groupId/lock')
  @ApiOperation({ summary: 'Who holds the lock of this group, and how many wait?' })
  @ApiOkResponse({ type: GroupLock })
  lock(@Param() { groupId }: GroupParams): Promise<GroupLock> {
    return this.locks.inspect(lockName`group:${groupId}`);
  }

  @Get('users/:userId/groups')
  @ApiOperation({ summary: 'The groups of a user' })
  @ApiOkResponse({ type: [Group] })
  ofUser(@Param() { userId }: UserParams): Promise<Group[]> {
    return this.groups.ofUser(userId);
  }
}
