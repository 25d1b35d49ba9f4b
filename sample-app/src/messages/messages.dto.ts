import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayMinSize, IsArray, IsOptional, IsString, Length, Matches } from 'class-validator';
import { ID_MESSAGE, ID_PATTERN } from '../http/validation.js';

export class SendMessage {
  @ApiProperty({ example: 'ann' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  senderId!: string;

  @ApiProperty({ example: 'm-1', description: 'chosen by the client; sending it again does not send twice' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  clientMessageId!: string;

  @ApiProperty({ required: false, example: 'bob', description: 'either this or toGroupId' })
  @IsOptional()
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  toUserId?: string;

  @ApiProperty({ required: false, description: 'every other member of the group gets it' })
  @IsOptional()
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  toGroupId?: string;

  @ApiProperty({ example: 'hello', maxLength: 2_000 })
  @IsString()
  @Length(1, 2_000)
  text!: string;
}

export class Message extends SendMessage {
  @ApiProperty({ description: 'chosen by the server' })
  messageId!: string;

  @ApiProperty()
  sentAt!: string;
}

export class Acknowledge {
  @ApiProperty({ type: [String], maxItems: 1_000 })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(1_000)
  @Matches(ID_PATTERN, { each: true, message: `each of ${ID_MESSAGE}` })
  messageIds!: string[];
}

export class Acknowledged {
  @ApiProperty({ type: [String], description: 'those that were waiting until now' })
  acknowledged!: string[];

  @ApiProperty({ description: 'how many still wait' })
  waiting!: number;
}
