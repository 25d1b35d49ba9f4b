import { LockManager } from '../../lib/lock-manager.js';
import type { LockEventName, LockEvents } from '../../lib/lock-events.js';
import type { LockManagerOptions } from '../../lib/lock-options.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import { MemoryStore } from '../../lib/stores/memory/memory-store.js';
import { wrapStore } from '../../lib/testing/contract/contract-bench.js';
import { ManualClock } from '../../lib/testing/index.js';

type Event = { [E in LockEventName]: { readonly event: E } & LockEvents[E] }[LockEventName];

const EVENTS: readonly LockEventName[] = [
  'waiting',
  'acquired',
  'released',
  'uncertain',
  'renewed',
  'lost',
  'releaseFailed',
  'forceReleased',
];

/** Managers whose time is moved by hand, each a process of its own at one table of locks. */
export class ManualLocks {
  readonly clock = new ManualClock();
  readonly table = new MemoryLockTable(this.clock);

  /** @param spoil operations of the store to be replaced; gets the store as it is */
  open(
    options: Partial<LockManagerOptions> = {},
    spoil: (store: LockStore) => Partial<LockStore> = () => ({}),
  ): ManualManager {
    const plain = new MemoryStore({}, this.table);
    const store = wrapStore(plain, spoil(plain));
    const randomness = { ownerToken: nextToken, fraction: () => 0 };
    const locks = new LockManager({ clock: this.clock, randomness, ...options, store });
    const events: Event[] = [];
    for (const event of EVENTS)
      locks.on(event, (payload) => void events.push({ event, ...payload } as Event));
    locks.on('warning', () => undefined); // that it is a memory store
    return Object.assign(locks, { events });
  }
}

export type ManualManager = LockManager & { readonly events: Event[] };

let tokens = 0;

function nextToken(): string {
  tokens += 1;
  return `owner-token-${tokens}`.padEnd(22, '.');
}
