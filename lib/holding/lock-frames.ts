import { AsyncLocalStorage } from 'node:async_hooks';
import type { Lease } from './lease.js';
import type { SingleLease } from './single-lease.js';
import { processWide } from '../runtime/process-wide.js';

interface Frame {
  readonly outer: Frame | undefined;
  readonly of?: LockFrames;
  readonly lease?: Lease;
  readonly note?: object;
}

/**
 * One for everything: Node carries every storage that was ever used along with every promise of the process, so one of each
 * manager's own, or another for notes, would make all promises slower for good. Of the process, because a note may be left by one
 * copy of this package and looked for by another.
 */
const storage = processWide('frames', () => new AsyncLocalStorage<Frame | undefined>());

/** Runs `work`, and whatever it calls, with a note that {@link currentNote} finds; for frameworks round the engine. */
export function runWithNote<T>(note: object, work: () => T): T {
  return storage.run({ outer: storage.getStore(), note }, work);
}

/** The innermost note of the running call chain. */
export function currentNote(): object | undefined {
  let frame = storage.getStore();
  while (frame !== undefined && frame.note === undefined) frame = frame.outer;
  return frame?.note;
}

/**
 * Which leases of one manager the running call chain is inside of. `using` and `lease.using` open a frame; a plain `acquire`
 * cannot, because there is no end of it that we could see; but it enters again what a frame holds, as they do.
 */
export class LockFrames {
  /** Runs `work` inside the lease. */
  run<T>(lease: Lease, work: (lease: Lease) => T): T {
    return storage.run({ outer: storage.getStore(), of: this, lease }, work, lease);
  }

  /** Runs `work` outside of any frame: it belongs to nobody's call chain. */
  outside<T>(work: () => T): T {
    return storage.run(undefined, work);
  }

  /** The innermost lease on this name that the running call chain is inside of and that has not ended. */
  innermost(name: string): SingleLease | undefined {
    for (let frame = storage.getStore(); frame !== undefined; frame = frame.outer) {
      if (frame.of !== this) continue;
      const lease = frame.lease?.partOn(name);
      if (lease?.active === true) return lease;
    }
    return undefined;
  }
}
