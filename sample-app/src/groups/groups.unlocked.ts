import { Body, Controller, Delete, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { GroupsController } from './groups.controller.js';
import { CreateGroup, type Group, GroupParams, JoinGroup, MemberParams } from './groups.dto.js';

/** The same routes without `@Locked`, for `UNLOCKED=groups`: more seats are given away than there are. */
@ApiTags('groups')
@Controller('groups')
export class UnlockedGroupsController extends GroupsController {
  @Post()
  override create(@Body() group: CreateGroup): Promise<Group> {
    return this.groups.create(group);
  }

  @Post(':groupId/members')
  override join(@Param() { groupId }: GroupParams, @Body() { userId }: JoinGroup): Promise<Group> {
    return this.groups.join(groupId, [userId]);
  }

  @Delete(':groupId/members/:userId')
  override leave(@Param() { groupId, userId }: MemberParams): Promise<Group> {
    return this.groups.leave(groupId, userId);
  }
}
