import { describe, expect, it } from '@jest/globals';
import type { StoreContext } from '../../lib/stores/lock-store.js';
import type { Member } from '../../lib/stores/memory/memory-lock.js';
import { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import { MemoryStore } from '../../lib/stores/memory/memory-store.js';
import { systemRandomness } from '../../lib/owner-token.js';
import {
  type ContractPlace,
  ManualClock,
  type OutsideProbe,
  storeContract,
} from '../../lib/testing/index.js';

interface MemoryPlace extends ContractPlace {
  readonly clock: ManualClock;
  readonly table: MemoryLockTable;
}

const PREFIX = 'lock';

storeContract<MemoryPlace>({ name: 'memory', runner: { describe, it }, open: openPlace, outside: probe });

async function openPlace(): Promise<MemoryPlace> {
  const clock = new ManualClock();
  const table = new MemoryLockTable(clock);
  return {
    prefix: PREFIX,
    clock,
    table,
    openStore: () => new MemoryStore({}, table),
    advance: (ms) => clock.advanceAsync(ms),
    close: async () => {
      expect(table.keys()).toEqual([]); // the last store takes everything with it
      expect(clock.pendingTimers).toBe(0);
    },
  };
}

/** A stranger at the table: it asks with a token of its own and hears of nothing. */
function probe({ table, clock }: MemoryPlace): OutsideProbe {
  const stranger: Member = { context: deafContext(clock), granting: true };
  return {
    ownerToken: async (name) => table.find(stranger, name)?.ownerToken ?? null,
    keys: async () => table.keys(),
    wipe: async () => table.wipe(),
    overwriteOwner: async (name) => {
      table.wipe();
      const theirs = {
        name,
        ownerToken: 'somebody else',
        leaseMs: 30_000,
        mode: 'exclusive',
        label: '',
        wait: false,
      } as const;
      table.findOrCreate(stranger, name).acquire(stranger, theirs);
    },
  };
}

function deafContext(clock: ManualClock): StoreContext {
  return {
    prefix: PREFIX,
    keepMs: 400,
    clock,
    randomness: systemRandomness,
    onLost: () => {},
    onWarning: () => {},
  };
}
