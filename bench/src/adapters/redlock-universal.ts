import { Redis } from 'ioredis';
import { createLock, IoredisAdapter, LockManager } from 'redlock-universal';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RETRIES, RETRY_MS } from './adapter.js';

/** It renews at 80 % of the lease, which cannot be chosen. */
const RENEWS_AT = 0.8;

async function open({ url, renewedLeaseMs }: OpenOptions): Promise<LockClient> {
  const redis = new Redis(url);
  await redis.ping();
  const adapter = new IoredisAdapter(redis);
  const patience = { ttl: renewedLeaseMs ?? LEASE_MS, retryAttempts: RETRIES, retryDelay: RETRY_MS };
  const manager = new LockManager({ nodes: [adapter] });
  const settings = {
    adapter,
    ...patience,
    performance: 'lean', // its fastest
  } as const;
  return {
    async using(name, work) {
      const lock = createLock({ ...settings, key: name });
      if (renewedLeaseMs !== undefined) return lock.using(work);
      const handle = await lock.acquire();
      try {
        return await work();
      } finally {
        await lock.release(handle);
      }
    },
    async usingAll(names, work) {
      const handles = await manager.acquireBatch([...names], patience);
      try {
        return await work();
      } finally {
        await manager.releaseBatch(handles);
      }
    },
    async close() {
      redis.disconnect();
    },
  };
}

export const redlockUniversal: Adapter = {
  id: 'redlock-universal',
  label: 'redlock-universal',
  packageName: 'redlock-universal',
  setUp: `createLock with ioredis, performance: 'lean', retryDelay: ${RETRY_MS}; acquire/release; with renewal: using; several names: LockManager.acquireBatch/releaseBatch`,
  renewsAt: RENEWS_AT,
  severalNames: true,
  open,
};
