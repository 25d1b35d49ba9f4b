import type { LockStore } from '../../lib/stores/lock-store.js';
import { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import { MemoryStore } from '../../lib/stores/memory/memory-store.js';
import { type Replaced, wrapStore } from '../../lib/testing/contract/contract-bench.js';
import { type ContractPlace, ManualClock } from '../../lib/testing/index.js';

export interface MemoryPlace extends ContractPlace {
  readonly clock: ManualClock;
  readonly table: MemoryLockTable;
}

/** A place for the contract suite whose time is moved by hand. @param spoil a bug to be planted in its stores */
export function memoryPlace(spoil?: (store: LockStore, table: MemoryLockTable) => Replaced): MemoryPlace {
  const clock = new ManualClock();
  const table = new MemoryLockTable(clock);
  return {
    prefix: 'lock',
    clock,
    table,
    openStore: () => {
      const store = new MemoryStore({}, table);
      return spoil === undefined ? store : wrapStore(store, spoil(store, table));
    },
    advance: (ms) => clock.advanceAsync(ms),
    close: async () => {},
  };
}
