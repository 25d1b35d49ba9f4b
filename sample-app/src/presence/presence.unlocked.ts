import { Injectable } from '@nestjs/common';
import { PresenceService } from './presence.service.js';

/** The same story without the lock, for `UNLOCKED=presence`: of two devices that come online at once one gets lost. */
@Injectable()
export class UnlockedPresenceService extends PresenceService {
  protected override exclusively<T>(
    _userId: string,
    work: (fencingToken?: number) => Promise<T>,
  ): Promise<T> {
    return work();
  }
}
