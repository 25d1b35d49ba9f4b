import { Body, Controller, Delete, HttpCode, Logger, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentLease, type Lease, Locked } from 'nestjs-distributed-lock';
import { CreateGroup, Group, GroupParams, ImportMembers, JoinGroup, MemberParams } from './groups.dto.js';
import { GroupsService } from './groups.service.js';

/**
 * Here the lock stands on the route: one request is one change of one group, so the decorator says it all. The lease's fencing
 * token travels with every write.
 */
@ApiTags('groups')
@Controller('groups')
export class GroupsController {
  private readonly logger = new Logger('Groups');

  constructor(private readonly groups: GroupsService) {}

  @Post()
  @Locked('group-name:<body.name:lower>')
  @ApiOperation({ summary: 'Create a group; its name is unique' })
  @ApiCreatedResponse({ type: Group })
  create(@Body() group: CreateGroup, @CurrentLease() lease: Lease): Promise<Group> {
    return this.groups.create(group, lease.fencingToken);
  }

  @Post(':groupId/members')
  @Locked('group:<groupId>')
  @ApiOperation({ summary: 'Take a seat' })
  @ApiCreatedResponse({ type: Group })
  join(
    @Param() { groupId }: GroupParams,
    @Body() { userId }: JoinGroup,
    @CurrentLease() lease: Lease,
  ): Promise<Group> {
    return this.groups.join(groupId, [userId], lease.fencingToken);
  }

  @Delete(':groupId/members/:userId')
  @Locked('group:<groupId>')
  @ApiOperation({ summary: 'Give a seat back' })
  @ApiOkResponse({ type: Group })
  leave(@Param() { groupId, userId }: MemberParams, @CurrentLease() lease: Lease): Promise<Group> {
    return this.groups.leave(groupId, userId, lease.fencingToken);
  }

  /**
   * A long change under a short lease, which is renewed while the process lives. If it is frozen (SIGSTOP, a paused machine)
   * the lease runs out and somebody else may change the group. What it read is then out of date, and it does not stop when
   * `lease.signal` tells it; the state refuses its write because the fencing token is old.
   */
  @Post(':groupId/import')
  @HttpCode(200)
  @Locked('group:<groupId>', { leaseMs: 1_000 })
  @ApiOperation({
    summary: 'Slow change, short lease: freeze the process meanwhile, and its stale write is refused',
  })
  @ApiOkResponse({ type: Group })
  import(
    @Param() { groupId }: GroupParams,
    @Body() members: ImportMembers,
    @CurrentLease() lease: Lease,
  ): Promise<Group> {
    const { signal, fencingToken } = lease;
    signal.addEventListener('abort', () =>
      this.logger.warn(`import: lease with fencing token ${fencingToken} is ${lease.state}`),
    );
    return this.groups.importMembers(groupId, members, fencingToken);
  }
}
