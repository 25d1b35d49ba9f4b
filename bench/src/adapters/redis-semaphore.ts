import { Redis } from 'ioredis';
import { Mutex, Semaphore } from 'redis-semaphore';

import {
  type Adapter,
  LEASE_MS,
  type LockClient,
  type OpenOptions,
  RENEW_AT,
  RETRY_MS,
  type Work,
} from './adapter.js';

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
  const during = async (lock: Mutex, work: Work): Promise<unknown> => {
    await lock.acquire();
    try {
      return await work();
    } finally {
      await lock.release();
    }
  };
  return {
    using: (name, work) => during(new Mutex(redis, name, settings), work),
    usingLimited: (name, limit, work) => during(new Semaphore(redis, name, limit, settings), work),
    async close() {
      redis.disconnect();
    },
  };
}

export const redisSemaphore: Adapter = {
  id: 'redis-semaphore',
  label: 'redis-semaphore',
  packageName: 'redis-semaphore',
  setUp: `Mutex, for limits Semaphore, with ioredis; retryInterval: ${RETRY_MS}, acquireTimeout: one day, refreshInterval: 0 (no renewal) unless asked for`,
  renewsAt: RENEW_AT,
  limits: true,
  open,
};
