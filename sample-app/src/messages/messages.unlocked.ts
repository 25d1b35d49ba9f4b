import { Injectable } from '@nestjs/common';
import type { Acknowledged, Message, SendMessage } from './messages.dto.js';
import { MessagesService } from './messages.service.js';

/** The same story without `@Locked`, for `UNLOCKED=messages`: a message sent twice at once arrives twice. */
@Injectable()
export class UnlockedMessagesService extends MessagesService {
  override send(message: SendMessage): Promise<Message> {
    return this.store(message);
  }

  override acknowledge(userId: string, messageIds: readonly string[]): Promise<Acknowledged> {
    return this.clear(userId, messageIds);
  }
}
