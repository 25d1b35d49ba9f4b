import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsInt, Matches, Max, Min } from 'class-validator';
import { ID_MESSAGE, ID_PATTERN } from '../http/validation.js';

const MAX_SEATS = 10_000;

export class CreateGroup {
  @ApiProperty({ example: 'Book Club', description: 'unique; upper and lower case are the same name' })
  @Matches(/^[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,62}[A-Za-z0-9])?$/, {
    message: '$property must be 1 to 64 letters, digits, spaces and _ - (a letter or digit at both ends)',
  })
  name!: string;

  @ApiProperty({ example: 2, minimum: 1, maximum: MAX_SEATS })
  @IsInt()
  @Min(1)
  @Max(MAX_SEATS)
  seats!: number;
}

export class GroupParams {
  @ApiProperty()
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  groupId!: string;
}

export class MemberParams extends GroupParams {
  @ApiProperty({ example: 'ann' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  userId!: string;
}

export class JoinGroup {
  @ApiProperty({ example: 'ann' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  userId!: string;
}

export class ImportMembers {
  @ApiProperty({ type: [String], example: ['ann', 'bob'], maxItems: 100 })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(100)
  @Matches(ID_PATTERN, { each: true, message: `each of ${ID_MESSAGE}` })
  userIds!: string[];

  @ApiProperty({
    example: 500,
    maximum: 5_000,
    description: 'how long the import works before it writes, in ms',
  })
  @IsInt()
  @Min(0)
  @Max(5_000)
  workMs!: number;
}

/** One row per group: its seats and who sits there. */
export class Group {
  @ApiProperty()
  groupId!: string;

  @ApiProperty({ example: 'Book Club' })
  name!: string;

  @ApiProperty({ example: 2 })
  seats!: number;

  @ApiProperty({ type: [String], example: ['ann'] })
  members!: string[];
}

/** What the lock service tells about the lock of a group. */
export class GroupLock {
  @ApiProperty()
  held!: boolean;

  @ApiProperty({ type: Date, nullable: true })
  heldSince!: Date | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'how long the lease runs without a renewal, in ms',
  })
  remainingMs!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  fencingToken!: number | null;

  @ApiProperty({ description: 'processes that wait' })
  waitingProcesses!: number;
}
