import { Inject } from '@nestjs/common';
import {
  Args,
  Field,
  InputType,
  Int,
  Mutation,
  ObjectType,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { CurrentLease, Lease, Locked, LockService } from 'nestjs-distributed-lock';

import { Section } from './application.js';

@ObjectType()
class Group {
  @Field()
  id!: string;
}

@InputType()
class GroupInput {
  @Field()
  id!: string;

  @Field({ nullable: true })
  owner?: string;
}

@Resolver(() => Group)
export class GroupsResolver {
  constructor(
    @Inject(Section) private readonly section: Section,
    @Inject(LockService) private readonly locks: LockService,
  ) {}

  @Query(() => Group)
  @Locked('group:<id>')
  async group(@Args('id') id: string, @CurrentLease() lease: Lease): Promise<Group> {
    await this.section.run(lease.name);
    return { id };
  }

  @Locked('group:<input.id>', { onBusy: 'reject' })
  @Mutation(() => Group)
  async join(@Args('input') input: GroupInput): Promise<Group> {
    await this.section.run(input.id);
    return { id: input.id };
  }

  @Mutation(() => String)
  @Locked('owner:<input.owner>')
  async give(@Args('input') input: GroupInput): Promise<string> {
    return this.section.run(String(input.owner));
  }

  @Query(() => String)
  @Locked('seat:<seat>')
  async seat(
    @Args('seat', { type: () => Int }) _seat: number,
    @CurrentLease() lease: Lease,
  ): Promise<string> {
    return lease.name;
  }

  @Query(() => String)
  async byHand(@Args('id') id: string): Promise<string> {
    return this.locks.using(`group:${id}`, () => 'by hand', { waitMs: 0 });
  }

  @Query(() => Group)
  plain(@Args('id') id: string): Group {
    return { id };
  }

  @ResolveField(() => String)
  @Locked('members:<group.id>', { onBusy: 'reject' })
  async members(@Parent() group: Group): Promise<string> {
    return this.section.run(`members of ${group.id}`);
  }

  @Subscription(() => Int, { resolve: (value: number) => value })
  @Locked('ticks:<id>')
  async *ticks(@Args('id') id: string): AsyncGenerator<number> {
    try {
      for (let tick = 1; ; tick++) {
        yield tick;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      this.section.names.push(`left ${id} ${this.locks.held().length}`);
    }
  }

  @Subscription(() => Int, { resolve: (value: number) => value })
  @Locked('ticks:<id>', { onBusy: 'reject' })
  async *ticksNow(@Args('id') _id: string): AsyncGenerator<number> {
    yield 1;
  }
}
