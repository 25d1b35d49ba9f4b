import type { StoreContext } from '../lock-store.js';
import type { RedisAcquisition } from './redis-acquisition.js';
import type { RedisBatcher } from './redis-carrier.js';
import type { RedisHold } from './redis-hold.js';
import type { PollGrid } from '../mechanics/poll-grid.js';

/** What every acquisition needs of its store. */
export interface AcquisitionHome {
  readonly context: StoreContext;
  readonly batcher: RedisBatcher;
  readonly polls: PollGrid;
  /** May this user do what the scripts of the general gate do? Found out before the first of them is sent. */
  readonly gate: {
    readonly isAllowed: boolean;
    /** @throws LockStoreError LOCK_STORE_UNSUPPORTED, which names what is refused */
    allowed(): Promise<void>;
  };
  /** Where this process hears of its grants; see promote.lua. */
  readonly channel: () => string;
  /** It is in the queue: from now on pushes must arrive. Called once. */
  queued(): void;
  /** A request sent then was answered «queued», where so many listened on our channel: -1 when the server does not say. */
  counted(listeners: number, sentAtMs: number): void;
  /** It is over, with a grant or without. */
  ended(acquisition: RedisAcquisition, granted: boolean): void;
  /**
   * Unless it was granted, it may have taken the lock or a place in the queue for nobody: it ended while it was queued or a request was
   * on its way, or a request was answered after its end. `requestLost`: one got no reply and may be executed late.
   */
  undo(hold: RedisHold, requestLost: boolean): void;
}
