import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserParams } from '../http/user-params.js';
import { Group } from './groups.dto.js';
import { GroupsService } from './groups.service.js';

@ApiTags('groups')
@Controller('users/:userId/groups')
export class UserGroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Get()
  @ApiOperation({ summary: 'The groups of a user' })
  @ApiOkResponse({ type: [Group] })
  ofUser(@Param() { userId }: UserParams): Promise<Group[]> {
    return this.groups.ofUser(userId);
  }
}
