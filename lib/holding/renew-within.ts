import { pause } from '../runtime/clock.js';
import type { LeaseWatchdog } from './lease-watchdog.js';
import type { SingleLease } from './single-lease.js';

/** Asks the store to confirm the leases, but not for longer than the caller will wait: they are good for what they say anyway. */
export async function renewWithin(
  leases: readonly SingleLease[],
  boundMs: number,
  watchdog: LeaseWatchdog,
): Promise<void> {
  const answered = new AbortController();
  const holds = leases.map(({ kept }) => kept);
  const leaseMs = leases.reduce((longest, lease) => Math.max(longest, lease.leaseMs), 0);
  void watchdog.renewNow(holds, leaseMs).finally(() => answered.abort());
  await pause(watchdog.clock, boundMs, answered.signal);
}
