import { type DynamicModule, Module } from '@nestjs/common';
import { MessagesController } from './messages.controller.js';
import { MessagesService } from './messages.service.js';
import { UnlockedMessagesService } from './messages.unlocked.js';

@Module({})
export class MessagesModule {
  static register({ locked, groups }: { locked: boolean; groups: DynamicModule }): DynamicModule {
    return {
      module: MessagesModule,
      imports: [groups],
      controllers: [MessagesController],
      providers: [{ provide: MessagesService, useClass: locked ? MessagesService : UnlockedMessagesService }],
    };
  }
}
