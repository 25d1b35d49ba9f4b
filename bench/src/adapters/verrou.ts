import { LockFactory } from '@verrou/core';
import { redisStore } from '@verrou/core/drivers/redis';
import { Redis } from 'ioredis';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RETRY_MS } from './adapter.js';

async function open({ url }: OpenOptions): Promise<LockClient> {
  const redis = new Redis(url);
  await redis.ping();
  // `new Verrou()` would not pass the retry settings on.
  const factory = new LockFactory(redisStore({ connection: redis }).factory(), {
    retry: { delay: RETRY_MS },
  });
  return {
    using: (name, work) => factory.createLock(name, LEASE_MS).run(work),
    async close() {
      redis.disconnect();
    },
  };
}

export const verrou: Adapter = {
  id: 'verrou',
  label: 'verrou',
  packageName: '@verrou/core',
  setUp: `LockFactory with ioredis (declares ^5, works with 6), retry delay ${RETRY_MS} ms; createLock(name).run(work)`,
  renewsAt: null,
  open,
};
