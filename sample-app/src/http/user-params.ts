import { ApiProperty } from '@nestjs/swagger';
import { Matches } from 'class-validator';
import { ID_MESSAGE, ID_PATTERN } from './validation.js';

export class UserParams {
  @ApiProperty({ example: 'ann' })
  @Matches(ID_PATTERN, { message: ID_MESSAGE })
  userId!: string;
}
