import { LockManager, redisStore } from 'nestjs-distributed-lock/engine';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RENEW_AT, type Work } from './adapter.js';

/** Fencing tokens, queue and renewal are always on: there is no cheaper way. */
async function open(options: OpenOptions, more: { cohortMs?: number } = {}): Promise<LockClient> {
  const { url, renewedLeaseMs: leaseMs = LEASE_MS } = options;
  const locks = new LockManager({
    store: redisStore({ url }),
    leaseMs,
    waitMs: Infinity,
    drainMs: 0,
    ...more,
  });
  await locks.ready();
  return {
    using: (name: string, work: Work) => locks.using(name, work),
    close: () => locks.close(),
  };
}

export const ours: Adapter = {
  id: 'ours',
  label: 'nestjs-distributed-lock',
  packageName: 'nestjs-distributed-lock',
  setUp: 'locks.using(name, work); defaults, waitMs: Infinity',
  renewsAt: RENEW_AT,
  open: (options) => open(options),
};

export const oursWithoutCohort: Adapter = {
  ...ours,
  id: 'ours-no-cohort',
  label: 'nestjs-distributed-lock, cohortMs: 0',
  setUp: 'the same with cohortMs: 0: every hand-over goes through Redis',
  open: (options) => open(options, { cohortMs: 0 }),
};
