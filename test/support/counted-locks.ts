import type { LockManagerOptions } from '../../lib/lock-options.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { wrapStore } from '../../lib/testing/contract/contract-bench.js';
import { ManualLocks, type ManualManager } from './manual-locks.js';

export type AskedOf = 'acquire' | 'yield' | 'renew' | 'release';

/** A manager whose time is moved by hand, a second process beside it, and what the first one asked of its store. */
export interface CountedLocks {
  readonly process: ManualLocks;
  readonly clock: ManualLocks['clock'];
  readonly locks: ManualManager;
  /** Another process on the same table. */
  readonly other: ManualManager;
  /** One word for each call of the port, oldest first. */
  readonly asked: AskedOf[];
  /** When each of them was made, in ms since the beginning. */
  readonly askedAtMs: number[];
  /** Lets everything happen that needs no time. */
  readonly turn: () => Promise<void>;
  /** A section of so many ms in which no timer fires: long enough for the store's clock to pass another fencing token. */
  readonly work: (ms?: number) => void;
}

/** @param spoil as in `ManualLocks.open`; what it replaces is counted, too */
export function countedLocks(
  options: Partial<LockManagerOptions> = {},
  spoil: (store: LockStore) => Partial<LockStore> = () => ({}),
): CountedLocks {
  const process = new ManualLocks();
  const { clock } = process;
  const asked: AskedOf[] = [];
  const askedAtMs: number[] = [];
  const beganMs = clock.monotonicMs();
  const note = (word: AskedOf) => {
    asked.push(word);
    askedAtMs.push(clock.monotonicMs() - beganMs);
  };
  const locks = process.open(options, (plain) => {
    const spoilt = spoil(plain);
    const store = wrapStore(plain, spoilt);
    return {
      ...spoilt,
      acquire: (request, signal) => (note('acquire'), store.acquire(request, signal)),
      yieldOrKeep: (hold, request, signal) => (note('yield'), store.yieldOrKeep!(hold, request, signal)),
      renew: (requests) => (note('renew'), store.renew(requests)),
      release: (hold, onSent) => (note('release'), store.release(hold, onSent)),
    };
  });
  return {
    process,
    clock,
    locks,
    other: process.open(),
    asked,
    askedAtMs,
    turn: () => clock.advanceAsync(0),
    work: (ms = 0.05) => clock.stall(ms),
  };
}
