import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { UserParams } from '../http/user-params.js';
import { Acknowledge, Acknowledged, Message, SendMessage } from './messages.dto.js';
import { MessagesService } from './messages.service.js';

@ApiTags('messages')
@Controller()
export class MessagesController {
  constructor(private readonly messages: MessagesService) {}

  @Post('messages')
  @ApiOperation({
    summary: 'Send to a user or a group; the same clientMessageId again gives the same answer',
  })
  @ApiCreatedResponse({ type: Message })
  send(@Body() message: SendMessage): Promise<Message> {
    return this.messages.send(message);
  }

  @Get('users/:userId/messages')
  @ApiOperation({ summary: 'What waits for a user' })
  @ApiOkResponse({ type: [Message] })
  pull(@Param() { userId }: UserParams): Promise<Message[]> {
    return this.messages.pull(userId);
  }

  @Post('users/:userId/messages/acknowledge')
  @HttpCode(200)
  @ApiOperation({ summary: 'These have arrived, let them wait no longer' })
  @ApiOkResponse({ type: Acknowledged })
  acknowledge(@Param() { userId }: UserParams, @Body() { messageIds }: Acknowledge): Promise<Acknowledged> {
    return this.messages.acknowledge(userId, messageIds);
  }
}
