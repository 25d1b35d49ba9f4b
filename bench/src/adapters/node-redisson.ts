import { Redisson } from 'node-redisson';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RENEW_AT } from './adapter.js';

async function open({ url, renewedLeaseMs }: OpenOptions): Promise<LockClient> {
  const { hostname, port } = new URL(url);
  const lockWatchdogTimeout = BigInt(renewedLeaseMs ?? LEASE_MS);
  const redisson = new Redisson({
    redis: { options: { host: hostname, port: Number(port) } },
    lockWatchdogTimeout,
  });
  await redisson.redis.ping();
  return {
    async using(name, work) {
      const lock = redisson.getLock(name);
      // With a lease of its own a lock has no watchdog.
      await (renewedLeaseMs === undefined ? lock.lock(BigInt(LEASE_MS)) : lock.lock());
      try {
        return await work();
      } finally {
        await lock.unlock();
      }
    },
    close: () => redisson.quit(),
  };
}

export const nodeRedisson: Adapter = {
  id: 'node-redisson',
  label: 'node-redisson',
  packageName: 'node-redisson',
  setUp: 'getLock(name).lock(lease)/unlock, pub/sub; with renewal: lock()',
  renewsAt: RENEW_AT,
  open,
};
