import { type DynamicModule, Module } from '@nestjs/common';
import { PresenceController } from './presence.controller.js';
import { PresenceService } from './presence.service.js';
import { UnlockedPresenceService } from './presence.unlocked.js';

@Module({})
export class PresenceModule {
  static register({ locked }: { locked: boolean }): DynamicModule {
    return {
      module: PresenceModule,
      controllers: [PresenceController],
      providers: [{ provide: PresenceService, useClass: locked ? PresenceService : UnlockedPresenceService }],
    };
  }
}
