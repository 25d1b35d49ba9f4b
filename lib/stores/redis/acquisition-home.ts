import type { AcquisitionHomeOf } from '../mechanics/acquisition.js';
import type { RedisBatcher } from './redis-carrier.js';
import type { RedisHold } from './redis-hold.js';

/** What every acquisition needs of its store. */
export interface AcquisitionHome extends AcquisitionHomeOf<RedisHold> {
  readonly batcher: RedisBatcher;
  /** May this user do what the scripts of the general gate do? Found out before the first of them is sent. */
  readonly gate: {
    readonly isAllowed: boolean;
    /** @throws LockStoreError LOCK_STORE_UNSUPPORTED, which names what is refused */
    allowed(): Promise<void>;
  };
  /** Where this process hears of its grants; see promote.lua. */
  readonly channel: () => string;
  /** A request sent then was answered «queued», where so many listened on our channel: -1 when the server does not say. */
  counted(listeners: number, sentAtMs: number): void;
}
