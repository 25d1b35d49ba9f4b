import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from './lease.js';

interface Frame {
  readonly of: LockFrames;
  readonly lease: Lease;
  readonly outer: Frame | undefined;
}

/**
 * One for all managers: Node carries every storage that was ever used along with every promise of the process, so one of each
 * manager's own would make all promises slower for good, even after it was closed.
 */
const storage = new AsyncLocalStorage<Frame | undefined>();

/**
 * Which leases of one manager the running call chain is inside of. `using` and `lease.using` open a frame; a plain `acquire`
 * cannot, because there is no end of it that we could see. Today a frame only serves to refuse a nested acquisition of the same
 * name at once, which would otherwise wait for itself.
 */
export class LockFrames {
  /** Runs `work` inside the lease. */
  run<T>(lease: Lease, work: () => T): T {
    return storage.run({ of: this, lease, outer: storage.getStore() }, work);
  }

  /** Listeners of events are nobody's call chain: run them outside of any frame. */
  outside<T>(work: () => T): T {
    return storage.run(undefined, work);
  }

  /** Is the running call chain inside a lease on this name that has not ended? */
  holds(name: string): boolean {
    for (let frame = storage.getStore(); frame !== undefined; frame = frame.outer) {
      if (frame.of === this && frame.lease.name === name && frame.lease.active) return true;
    }
    return false;
  }
}
