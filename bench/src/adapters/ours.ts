import { LockManager, redisStore } from 'nestjs-distributed-lock/engine';

import { UnableError } from '../run/outcome.js';
import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RENEW_AT, type Work } from './adapter.js';

interface More {
  readonly cohortMs?: number;
  readonly release?: 'sent';
}

/** Fencing tokens, queue and renewal are always on: there is no cheaper way. */
async function open(options: OpenOptions, more: More = {}): Promise<LockClient> {
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
    usingAll: (names: readonly string[], work: Work) => locks.using(names, work),
    close: () => locks.close(),
  };
}

export const ours: Adapter = {
  id: 'ours',
  label: 'nestjs-distributed-lock',
  packageName: 'nestjs-distributed-lock',
  setUp: 'locks.using(name, work); defaults, waitMs: Infinity',
  renewsAt: RENEW_AT,
  severalNames: true,
  open: (options) => open(options),
};

export const oursWithoutCohort: Adapter = {
  ...ours,
  id: 'ours-no-cohort',
  label: 'nestjs-distributed-lock, cohortMs: 0',
  setUp: 'the same with cohortMs: 0: every hand-over goes through Redis',
  open: (options) => open(options, { cohortMs: 0 }),
};

/** Returns when the release is on its way: one round trip per pair. */
export const oursSent: Adapter = {
  ...ours,
  id: 'ours-sent',
  label: "nestjs-distributed-lock, release: 'sent'",
  setUp: "the same with release: 'sent': using returns when the release is on its way",
  async open(options) {
    try {
      return await open(options, { release: 'sent' });
    } catch (error) {
      throw isUnknownOption(error) ? new UnableError("this version has no release: 'sent'") : error;
    }
  },
};

/** `--library` may name a version from before the option. */
function isUnknownOption(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'LOCK_OPTIONS_INVALID' && String(error).includes('"release"');
}
