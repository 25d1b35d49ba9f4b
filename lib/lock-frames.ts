import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from './lease.js';

interface Frame {
  readonly lease: Lease;
  readonly outer: Frame | undefined;
}

/**
 * Which leases the running call chain is inside of. `using` and `lease.using` open a frame; a plain `acquire` cannot, because
 * there is no end of it that we could see. Today a frame only serves to refuse a nested acquisition of the same name at once,
 * which would otherwise wait for itself.
 */
export class LockFrames {
  readonly #storage = new AsyncLocalStorage<Frame | undefined>();

  /** Runs `work` inside the lease. */
  run<T>(lease: Lease, work: () => T): T {
    return this.#storage.run({ lease, outer: this.#storage.getStore() }, work);
  }

  /** Listeners of events are nobody's call chain: run them outside of any frame. */
  outside<T>(work: () => T): T {
    return this.#storage.run(undefined, work);
  }

  /** Is the running call chain inside a lease on this name that has not ended? */
  holds(name: string): boolean {
    for (let frame = this.#storage.getStore(); frame !== undefined; frame = frame.outer) {
      if (frame.lease.name === name && frame.lease.active) return true;
    }
    return false;
  }
}
