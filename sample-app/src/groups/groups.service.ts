import { Injectable, Logger } from '@nestjs/common';
import { lockName } from 'nestjs-distributed-lock';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Problem } from '../http/problem.js';
import { State } from '../state/state.js';
import { type CreateGroup, Group, type ImportMembers } from './groups.dto.js';

const GROUPS = 'groups';
const NAMES = 'group-names';

/**
 * Groups with a unique name and a limited number of seats. Every change reads the row, decides, and writes it back, so it must
 * run alone for its group. The caller sees to that (GroupsController has `@Locked`) and hands in the fencing token.
 */
@Injectable()
export class GroupsService {
  private readonly logger = new Logger('Groups');

  constructor(private readonly state: State) {}

  async create({ name, seats }: CreateGroup, fencingToken?: number): Promise<Group> {
    const key = name.toLowerCase();
    if ((await this.state.read(NAMES, key)) !== undefined) {
      throw new Problem(409, 'GROUP_NAME_TAKEN', `there is already a group named "${name}"`);
    }
    const group: Group = { groupId: randomUUID(), name, seats, members: [] };
    const rows = [
      { table: NAMES, id: key, value: { groupId: group.groupId } },
      { table: GROUPS, id: group.groupId, value: group },
    ];
    await this.state.write({ resource: lockName`group-name:${key}`, fencingToken, rows });
    return group;
  }

  async find(groupId: string): Promise<Group> {
    const group = await this.state.read<Group>(GROUPS, groupId);
    if (group === undefined) throw new Problem(404, 'GROUP_UNKNOWN', `there is no group ${groupId}`);
    return group;
  }

  /** A database would have an index for this; a sample may look at every row. */
  async ofUser(userId: string): Promise<Group[]> {
    const groups = await this.state.list<Group>(GROUPS);
    return groups.filter((group) => group.members.includes(userId));
  }

  /** Joining twice changes nothing and is no error: a client that got no answer asks again. */
  async join(groupId: string, userIds: readonly string[], fencingToken?: number): Promise<Group> {
    return this.seat(await this.find(groupId), userIds, fencingToken);
  }

  async leave(groupId: string, userId: string, fencingToken?: number): Promise<Group> {
    const group = await this.find(groupId);
    const members = group.members.filter((member) => member !== userId);
    return this.save(Object.assign(new Group(), group, { members }), fencingToken);
  }

  /** Reads, works for a while, then writes: if the lease is lost meanwhile, what was read is out of date. */
  async importMembers(
    groupId: string,
    { userIds, workMs }: ImportMembers,
    fencingToken?: number,
  ): Promise<Group> {
    const group = await this.find(groupId);
    this.logger.log(`import: has read group ${groupId}, works for ${workMs} ms, then writes`);
    await sleep(workMs);
    return this.seat(group, userIds, fencingToken);
  }

  private async seat(group: Group, userIds: readonly string[], fencingToken?: number): Promise<Group> {
    const members = [...new Set([...group.members, ...userIds])];
    if (members.length > group.seats) {
      throw new Problem(
        409,
        'GROUP_FULL',
        `group ${group.groupId} has ${group.seats} seats and not enough are free`,
      );
    }
    return this.save(Object.assign(new Group(), group, { members }), fencingToken);
  }

  private async save(group: Group, fencingToken?: number): Promise<Group> {
    const rows = [{ table: GROUPS, id: group.groupId, value: group }];
    await this.state.write({ resource: lockName`group:${group.groupId}`, fencingToken, rows });
    return group;
  }
}
