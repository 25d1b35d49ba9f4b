import { describe, expect, it } from '@jest/globals';
import type { StoreContext } from '../../lib/stores/lock-store.js';
import type { Member } from '../../lib/stores/memory/memory-waiter.js';
import { systemRandomness } from '../../lib/runtime/owner-token.js';
import { type ManualClock, type OutsideProbe, storeContract } from '../../lib/testing/index.js';
import { type MemoryPlace, memoryPlace } from '../support/memory-place.js';

const open = async (): Promise<MemoryPlace> => {
  const place = memoryPlace();
  const close = async () => {
    expect(place.table.keys()).toEqual([]); // the last store takes everything with it
    expect(place.clock.pendingTimers).toBe(0);
  };
  return { ...place, close };
};

storeContract({ name: 'memory', runner: { describe, it }, open, outside: probe });

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
        maxWaitingProcesses: 10_000,
      } as const;
      table.findOrCreate(stranger, name).acquire(stranger, theirs);
    },
  };
}

function deafContext(clock: ManualClock): StoreContext {
  return {
    prefix: 'lock',
    keepMs: 400,
    clock,
    randomness: systemRandomness,
    onLost: () => {},
    onWarning: () => {},
  };
}
