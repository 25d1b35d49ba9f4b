import { setTimeout as sleep } from 'node:timers/promises';

import { BrokenLockError } from '../run/outcome.js';
import type { LockClient, Work } from '../adapters/adapter.js';
import type { Place } from './role.js';
import { SectionWitness } from './section-witness.js';

const RIVALS_PER_CLIENT = 4;
const PROBE_BOUND_MS = 3_000;
const UNDISTURBED_MS = 250;

/**
 * For measurements in which nobody meets anybody: does that which was so fast exclude anybody at all? Two clients with connections
 * of their own, as two processes have, fight for one name.
 *
 * @param take what it is about; `rival` counts those who take it
 * @throws BrokenLockError
 */
export async function probeExclusion(
  place: Place,
  take: (client: LockClient, work: Work, rival: number) => Promise<unknown> = (client, work) =>
    client.using('probe:exclusion', work),
): Promise<void> {
  const witness = new SectionWitness();
  const clients = [await place.open(), await place.open()];
  const rivals = clients.flatMap((client) =>
    Array.from({ length: RIVALS_PER_CLIENT }, (_, rival) =>
      take(client, () => witness.section(() => sleep(2)), rival),
    ),
  );
  // A library whose waiters wake up late has shown enough by then.
  await Promise.race([Promise.all(rivals), sleep(PROBE_BOUND_MS)]);
  witness.check();
  if (witness.done < 2) throw new Error('only one of eight rivals got in, so exclusion could not be seen');
}

/**
 * Nobody else may get what is held.
 *
 * @throws BrokenLockError
 */
export async function expectHeld(rival: LockClient, names: readonly string[]): Promise<void> {
  let entered = 0;
  for (const name of names) void rival.using(name, async () => void entered++).catch(() => {});
  await sleep(UNDISTURBED_MS);
  if (entered > 0)
    throw new BrokenLockError(`${entered} of ${names.length} held locks were given to somebody else`);
}
