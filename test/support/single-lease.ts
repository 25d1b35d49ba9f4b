import type { Lease } from '../../lib/holding/lease.js';
import { SingleLease } from '../../lib/holding/single-lease.js';

/** What the engine knows of a lease on one name. */
export function single(lease: Lease): SingleLease {
  if (lease instanceof SingleLease) return lease;
  throw new Error('a lease on several names');
}
