import { Body, Controller, Delete, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import {
  CreateGroup,
  type Group,
  GroupParams,
  ImportMembers,
  JoinGroup,
  MemberParams,
} from './groups.dto.js';
import { GroupsService } from './groups.service.js';

/** The routes of GroupsController without `@Locked`, for `UNLOCKED=groups`: more seats are given away than there are. */
@ApiTags('groups')
@Controller('groups')
export class UnlockedGroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Post()
  create(@Body() group: CreateGroup): Promise<Group> {
    return this.groups.create(group);
  }

  @Post(':groupId/members')
  join(@Param() { groupId }: GroupParams, @Body() { userId }: JoinGroup): Promise<Group> {
    return this.groups.join(groupId, [userId]);
  }

  @Delete(':groupId/members/:userId')
  leave(@Param() { groupId, userId }: MemberParams): Promise<Group> {
    return this.groups.leave(groupId, userId);
  }

  @Post(':groupId/import')
  @HttpCode(200)
  import(@Param() { groupId }: GroupParams, @Body() members: ImportMembers): Promise<Group> {
    return this.groups.importMembers(groupId, members);
  }
}
