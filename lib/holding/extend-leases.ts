import { LockStoreError } from '../lock-errors.js';
import { checkLeaseMs } from '../option-checks.js';
import { describeNames } from '../several-names.js';
import type { RenewOutcome } from '../stores/lock-store.js';
import type { KeptHold } from './kept-hold.js';
import type { SingleLease } from './single-lease.js';

/**
 * Makes leases last at least `leaseMs` from now.
 *
 * @param renewNow in the same order; tells each lease how it ended
 * @throws as `Lease.extend`
 */
export async function extendLeases(
  leases: readonly SingleLease[],
  leaseMs: number,
  renewNow: (holds: readonly KeptHold[], leaseMs: number) => Promise<RenewOutcome[]>,
): Promise<void> {
  checkLeaseMs(leaseMs, `extend on ${describeNames(leases.map(({ name }) => name))}`, 'ms');
  for (const lease of leases) if (!lease.active) lease.assertHeld(); // throws and says why
  // Before it is sent: without an answer nobody knows what the store keeps.
  for (const lease of leases) if (leaseMs > lease.leaseMs) lease.kept.stretched = true;
  const holds = leases.map(({ kept }) => kept);
  const outcomes = await renewNow(holds, leaseMs);
  for (const { lossError } of leases) if (lossError !== undefined) throw lossError;
  for (const [index, { name }] of leases.entries()) {
    const outcome = outcomes[index];
    if (outcome?.outcome !== 'unknown') continue;
    const message = `lock "${name}" could not be extended: ${outcome.error.message}`;
    const details = { lockName: name, cause: outcome.error };
    throw new LockStoreError('LOCK_STORE_UNAVAILABLE', message, details);
  }
}
