import { createClient } from 'redis';
import { lock } from 'simple-redis-mutex';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions } from './adapter.js';

async function open({ url }: OpenOptions): Promise<LockClient> {
  const redis = createClient({ url });
  redis.on('error', () => {});
  await redis.connect();
  return {
    async using(name, work) {
      const release = await lock(redis, name, { timeout: LEASE_MS });
      try {
        return await work();
      } finally {
        await release();
      }
    },
    async close() {
      redis.destroy();
    },
  };
}

export const simpleRedisMutex: Adapter = {
  id: 'simple-redis-mutex',
  label: 'simple-redis-mutex',
  packageName: 'simple-redis-mutex',
  setUp: 'lock/release with node-redis 5; woken by pub/sub, default settings',
  renewsAt: null,
  open,
};
