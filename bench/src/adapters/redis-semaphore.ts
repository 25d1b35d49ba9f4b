import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RENEW_AT, RETRY_MS } from './adapter.js';

const A_DAY_MS = 86_400_000;

async function open({ url, renewedLeaseMs }: OpenOptions): Promise<LockClient> {
  const redis = new Redis(url);
  await redis.ping();
  const settings = {
    lockTimeout: renewedLeaseMs ?? LEASE_MS,
    acquireTimeout: A_DAY_MS,
    retryInterval: RETRY_MS,
    refreshInterval: (renewedLeaseMs ?? 0) * RENEW_AT, // 0: no renewal
  };
  return {
    async using(name, work) {
      const mutex = new Mutex(redis, name, settings);
      await mutex.acquire();
      try {
        return await work();
      } finally {
        await mutex.release();
      }
    },
    async close() {
      redis.disconnect();
    },
  };
}

export const redisSemaphore: Adapter = {
  id: 'redis-semaphore',
  label: 'redis-semaphore',
  packageName: 'redis-semaphore',
  setUp: `Mutex with ioredis; retryInterval: ${RETRY_MS}, acquireTimeout: one day, refreshInterval: 0 (no renewal) unless asked for`,
  renewsAt: RENEW_AT,
  open,
};
