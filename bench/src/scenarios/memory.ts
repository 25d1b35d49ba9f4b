import { setTimeout as sleep } from 'node:timers/promises';

import { expectHeld } from '../child/exclusion-probe.js';
import { holdAll } from '../child/hold.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { BrokenLockError } from '../run/outcome.js';
import { isMainRow, type RowByRow } from './scenario.js';

const NAMES = 10;
const WAITERS_PER_NAME = 100;
const LEASES = 5_000;
const PROBED = 20;
const SETTLE_MS = 200;
const BOUND_MS = 20_000;

async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('started without --expose-gc');
  await sleep(SETTLE_MS); // what is under way is done
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

const heap = role('memory', async (place) => {
  const rival = await place.open();
  const client = await place.open();
  const contended = Array.from({ length: NAMES }, (_, index) => `contended:${index}`);
  const leased = Array.from({ length: LEASES }, (_, index) => `leased:${index}`);
  await place.start();
  await Promise.all(contended.map((name) => client.using(name, async () => {})));
  await holdAll(rival, contended);

  const beforeWaiters = await heapUsed();
  let entered = 0;
  const work = async (): Promise<void> => void entered++;
  const failed = new Promise<never>((_, reject) => {
    for (const name of contended) {
      for (let waiter = 0; waiter < WAITERS_PER_NAME; waiter++) client.using(name, work).catch(reject);
    }
  });
  const beforeLeases = await Promise.race([heapUsed(), failed]);
  if (entered > 0) throw new BrokenLockError(`${entered} waiters entered while it was held`);

  const holder = await place.open();
  await holder.using('warm-up', async () => {});
  const withHolder = await heapUsed();
  await holdAll(holder, leased);
  const afterLeases = await heapUsed();
  await expectHeld(rival, leased.slice(0, PROBED));
  return {
    bytesPerWaiter: (beforeLeases - beforeWaiters) / (NAMES * WAITERS_PER_NAME),
    bytesPerLease: (afterLeases - withHolder) / LEASES,
  };
});

export const memory: RowByRow = {
  id: 'memory',
  title: 'Memory',
  how:
    "What the process's heap grows by, after a garbage collection: 1 000 waiters on 10 held names; 5 000 leases. The caller's own promise " +
    'is part of it. Checked: nobody else enters meanwhile.',
  columns: [
    { key: 'bytesPerWaiter', title: 'bytes per waiter', digits: 0, better: 'less' },
    { key: 'bytesPerLease', title: 'bytes per lease', digits: 0, better: 'less' },
  ],
  takesPart: isMainRow,
  measure: ({ inProcess }) => runAlone(heap, {}, inProcess(BOUND_MS, { nodeFlags: ['--expose-gc'] })),
};
