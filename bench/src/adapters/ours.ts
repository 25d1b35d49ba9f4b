import { LockManager, redisStore } from 'nestjs-distributed-lock/engine';

import { UnableError } from '../run/outcome.js';
import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RENEW_AT } from './adapter.js';

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
    using: (name, work) => locks.using(name, work),
    usingAll: unlessMissing((names, work) => locks.using(names, work)),
    usingShared: unlessMissing((name, work) => locks.using(name, work, { mode: 'shared' })),
    usingLimited: unlessMissing((name, limit, work) => locks.using(name, work, { limit })),
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
  shared: true,
  limits: true,
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

/** For a table of readers and writers: what it costs that readers do not share. */
export const oursExclusive: Adapter = {
  ...ours,
  id: 'ours-exclusive',
  label: 'nestjs-distributed-lock, all exclusive',
  setUp: 'the same; readers take the lock as writers do',
  async open(options) {
    const client = await open(options);
    return { ...client, usingShared: (name, work) => client.using(name, work) };
  },
};

const MISSING = new Set<unknown>(['LOCK_OPTIONS_INVALID', 'LOCK_NAME_INVALID', 'LOCK_STORE_UNSUPPORTED']);

/** `--library` may name a version from before this kind of lock: its first call says so. Later ones are not wrapped: they are measured. */
function unlessMissing<A extends readonly unknown[]>(
  use: (...args: A) => Promise<unknown>,
): (...args: A) => Promise<unknown> {
  let isThere = false;
  const first = async (args: A): Promise<unknown> => {
    try {
      const result = await use(...args);
      isThere = true;
      return result;
    } catch (error) {
      const isMissing = MISSING.has((error as { code?: unknown }).code);
      throw isMissing ? new UnableError(`this version says: ${(error as Error).message}`) : error;
    }
  };
  return (...args) => (isThere ? use(...args) : first(args));
}

/** `--library` may name a version from before the option. */
function isUnknownOption(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'LOCK_OPTIONS_INVALID' && String(error).includes('"release"');
}
