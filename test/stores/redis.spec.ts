import { afterAll, beforeAll, describe, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { redisStore, type RedisStoreOptions } from '../../lib/index.js';
import { type ContractPlace, type OutsideProbe, storeContract } from '../../lib/testing/index.js';
import { inRealTime } from '../support/in-time.js';
import { leastPrivilege } from '../support/least-privilege.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

let server: RedisServer;
let raw: Redis;
let cases = 0;

beforeAll(async () => {
  server = await startRedis();
  raw = new Redis(server.url);
});
afterAll(async () => {
  raw.disconnect();
  await server.stop();
});

interface RedisPlace extends ContractPlace {
  /** What the client puts before every key. */
  readonly keyPrefix: string;
}

interface Connection {
  readonly keyPrefix: string;
  /** A client of the application; default: a connection of the store's own. */
  readonly borrow?: () => Redis | Redis5;
  /** As a user who may do what docs/stores/redis.md names, on the keys of this prefix, and nothing else. */
  readonly leastPrivilege?: true;
}

/** How the store gets its connection. */
const CONNECTIONS: Record<string, Connection> = {
  'redis, ioredis 6, a connection of its own': { keyPrefix: '' },
  "redis, ioredis 6, the application's client with a keyPrefix": {
    keyPrefix: 'app:',
    borrow: () => new Redis(server.url, { keyPrefix: 'app:' }),
  },
  "redis, ioredis 5, the application's client": { keyPrefix: '', borrow: () => new Redis5(server.url) },
  'redis, as a user with only the rights that the docs name': { keyPrefix: '', leastPrivilege: true },
};

const newCase = it; // its cases are written elsewhere
const inRealTimeCase = (title: string, run: () => Promise<void>) => newCase(title, inRealTime(run));

for (const [name, { keyPrefix, borrow, leastPrivilege: asUser }] of Object.entries(CONNECTIONS)) {
  storeContract<RedisPlace>({
    name,
    runner: { describe, it: inRealTimeCase },
    open: async () => {
      const client = borrow?.();
      const prefix = `case${cases++}`;
      const url = asUser ? await userFor(prefix) : server.url;
      const options: RedisStoreOptions = client === undefined ? { url } : { client };
      return {
        prefix,
        keyPrefix,
        openStore: () => redisStore(options),
        advance: (ms) => sleep(ms),
        close: async () => {
          if (client === undefined) return;
          assert.equal(await client.ping(), 'PONG'); // borrowed: still open after the stores have closed
          client.disconnect();
        },
      };
    },
    outside: ({ prefix, keyPrefix: before }) => outsideProbe(`${before}${prefix}`),
  });
}

/**
 * A user for the prefix of one case, and the one beside it that a case uses; the keys and channels of all others are refused.
 * Returns the URL to connect as that user.
 */
async function userFor(prefix: string): Promise<string> {
  await raw.acl(
    'SETUSER',
    prefix,
    'reset',
    'on',
    '>pw',
    ...leastPrivilege(prefix),
    `~${prefix}-b:*`,
    `&${prefix}-b:*`,
  );
  return server.url.replace('//', `//${prefix}:pw@`);
}

/** Looks at the server with a client of its own, and without any code of ours but the layout that the docs name. */
function outsideProbe(prefix: string): OutsideProbe {
  const stateKey = (name: string) => `${prefix}:{${name}}`;
  return {
    ownerToken: async (name) => {
      const state = await raw.get(stateKey(name));
      return state === null || state.startsWith('f') ? null : state.slice(49, 71);
    },
    // A free lock keeps its trace for keepMs: that is no leak.
    keys: async () => {
      const keys = await raw.keys(`${prefix}:*`);
      const held = await Promise.all(
        keys.map(async (key) => key.endsWith(':q') || !(await raw.get(key))?.startsWith('f')),
      );
      return keys.filter((_key, index) => held[index]);
    },
    overwriteOwner: async (name) => {
      await raw.setrange(stateKey(name), 49, 'x'.repeat(22));
    },
    wipe: async () => {
      const keys = await raw.keys(`${prefix}:*`);
      if (keys.length > 0) await raw.del(...keys);
    },
  };
}
