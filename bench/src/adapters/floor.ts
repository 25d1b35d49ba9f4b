import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type Result } from 'ioredis';

import { type Adapter, LEASE_MS, type LockClient, type OpenOptions, RETRY_MS } from './adapter.js';

declare module 'ioredis' {
  interface RedisCommander<Context> {
    compareAndDelete(key: string, token: string): Result<number, Context>;
  }
}

const COMPARE_AND_DELETE = `
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('del', KEYS[1])
end
return 0`;

/** What one writes by hand in ten minutes. Sent with EVALSHA, as `defineCommand` does. */
function open({ url }: OpenOptions, enableAutoPipelining: boolean): Promise<LockClient> {
  const redis = new Redis(url, { enableAutoPipelining });
  redis.defineCommand('compareAndDelete', { numberOfKeys: 1, lua: COMPARE_AND_DELETE });
  const client: LockClient = {
    async using(name, work) {
      const token = randomUUID();
      while ((await redis.set(name, token, 'PX', LEASE_MS, 'NX')) === null) {
        await sleep(RETRY_MS * (0.5 + Math.random()));
      }
      try {
        return await work();
      } finally {
        await redis.compareAndDelete(name, token);
      }
    },
    async usingAll(names, work) {
      const token = randomUUID();
      const release = (held: readonly string[]) =>
        Promise.all(held.map((name) => redis.compareAndDelete(name, token)));
      for (;;) {
        const answers = await Promise.all(names.map((name) => redis.set(name, token, 'PX', LEASE_MS, 'NX')));
        if (!answers.includes(null)) break;
        await release(names.filter((_, at) => answers[at] !== null)); // keeping some would be a deadlock
        await sleep(RETRY_MS * (0.5 + Math.random()));
      }
      try {
        return await work();
      } finally {
        await release(names);
      }
    },
    async close() {
      redis.disconnect();
    },
  };
  return redis.ping().then(() => client);
}

export const floor: Adapter = {
  id: 'floor',
  label: 'by hand: SET NX PX + Lua',
  packageName: '',
  setUp: `ioredis; SET NX PX, compare-and-delete by EVALSHA; polls every ${RETRY_MS / 2} to ${RETRY_MS * 1.5} ms`,
  renewsAt: null,
  severalNames: true,
  open: (options) => open(options, false),
};

export const pipelinedFloor: Adapter = {
  ...floor,
  id: 'floor-pipelined',
  label: 'by hand, auto-pipelined',
  setUp: `${floor.setUp}; with ioredis's enableAutoPipelining`,
  open: (options) => open(options, true),
};
