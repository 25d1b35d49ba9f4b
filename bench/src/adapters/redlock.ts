import { Redis } from 'ioredis';

import {
  type Adapter,
  LEASE_MS,
  type LockClient,
  type OpenOptions,
  RENEW_AT,
  RETRY_MS,
  type Work,
} from './adapter.js';

/** The part that redlock and its fork have in common. Each is imported only where it is measured. */
interface RedlockApi {
  acquire(resources: string[], leaseMs: number): Promise<{ release(): Promise<unknown> }>;
  using(resources: string[], leaseMs: number, work: () => Promise<unknown>): Promise<unknown>;
}

type RedlockClass = new (
  clients: Redis[],
  settings: {
    retryCount: number;
    retryDelay: number;
    retryJitter: number;
    automaticExtensionThreshold: number;
  },
) => RedlockApi;

async function open(Api: RedlockClass, { url, renewedLeaseMs }: OpenOptions): Promise<LockClient> {
  const redis = new Redis(url);
  await redis.ping();
  const leaseMs = renewedLeaseMs ?? LEASE_MS;
  const redlock = new Api([redis], {
    retryCount: -1,
    retryDelay: RETRY_MS,
    retryJitter: RETRY_MS / 2,
    automaticExtensionThreshold: leaseMs * (1 - RENEW_AT),
  });
  const usingAll = async (names: readonly string[], work: Work): Promise<unknown> => {
    if (renewedLeaseMs !== undefined) return redlock.using([...names], leaseMs, work);
    const lock = await redlock.acquire([...names], leaseMs);
    try {
      return await work();
    } finally {
      await lock.release();
    }
  };
  return {
    using: (name, work) => usingAll([name], work),
    usingAll,
    async close() {
      redis.disconnect();
    },
  };
}

const setUp = `one ioredis; acquire/release; retryCount: -1, retryDelay: ${RETRY_MS}, retryJitter: ${RETRY_MS / 2}; with renewal: using`;

export const redlock: Adapter = {
  id: 'redlock',
  label: 'redlock 5 beta',
  packageName: 'redlock',
  setUp,
  renewsAt: RENEW_AT,
  severalNames: true,
  open: async (options) => open((await import('redlock')).default, options),
};

export const sesamecareRedlock: Adapter = {
  id: 'sesamecare',
  label: '@sesamecare-oss/redlock',
  packageName: '@sesamecare-oss/redlock',
  setUp,
  renewsAt: RENEW_AT,
  severalNames: true,
  open: async (options) => open((await import('@sesamecare-oss/redlock')).Redlock, options),
};
