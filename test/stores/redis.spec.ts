import { afterAll, beforeAll, describe, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { redisStore, type RedisStoreOptions } from '../../lib/index.js';
import {
  type ContractPlace,
  type ContractRunner,
  type OutsideProbe,
  storeContract,
} from '../../lib/testing/index.js';
import { inRealTime } from '../support/in-time.js';
import { gateRights, leastPrivilege } from '../support/least-privilege.js';
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
  /** As a user who may do what docs/stores/redis.md names, but for these, on the keys of this prefix, and nothing else. */
  readonly leastPrivilegeBut?: readonly string[];
  /** Which cases; default: all. */
  readonly cases?: (section: string, title: string) => boolean;
}

/** What works otherwise where nobody can say who listens; «gone» and «leaving» cannot be told from «here» then. */
const PUSHED = (section: string, title: string) =>
  /^(waiting|the end of a slice|fencing)/.test(section) && !title.includes('whose process leaves');

/** How the store gets its connection. */
const CONNECTIONS: Record<string, Connection> = {
  'redis, ioredis 6, a connection of its own': { keyPrefix: '' },
  "redis, ioredis 6, the application's client with a keyPrefix": {
    keyPrefix: 'app:',
    borrow: () => new Redis(server.url, { keyPrefix: 'app:' }),
  },
  "redis, ioredis 5, the application's client": { keyPrefix: '', borrow: () => new Redis5(server.url) },
  'redis, as a user with only the rights that the docs name': { keyPrefix: '', leastPrivilegeBut: [] },
  'redis, by polling, as a user who may not ask who listens': {
    keyPrefix: '',
    leastPrivilegeBut: ['+pubsub|numsub'],
    cases: PUSHED,
  },
};

const newCase = it; // its cases are written elsewhere
const inRealTimeCase = (title: string, run: () => Promise<void>) => newCase(title, inRealTime(run));

for (const [name, connection] of Object.entries(CONNECTIONS)) {
  const { keyPrefix, borrow, leastPrivilegeBut: lacking, cases: wanted } = connection;
  storeContract<RedisPlace>({
    name,
    runner: wanted === undefined ? { describe, it: inRealTimeCase } : only(wanted),
    open: async () => {
      const client = borrow?.();
      const prefix = `case${cases++}`;
      const url = lacking ? await userFor(prefix, lacking) : server.url;
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

/** Registers no others. */
function only(wanted: NonNullable<Connection['cases']>): ContractRunner {
  const jest: ContractRunner = { describe, it: inRealTimeCase };
  let section = '';
  return {
    describe: (title, register) => {
      section = title;
      const isSection = !title.startsWith('the contract');
      if (!isSection || wanted(section, '')) jest.describe(title, register);
    },
    it: (title, run) => {
      if (wanted(section, title)) jest.it(title, run);
    },
  };
}

/**
 * A user for the prefix of one case, and the one beside it that a case uses; the keys and channels of all others are refused.
 * Returns the URL to connect as that user.
 */
async function userFor(prefix: string, lacking: readonly string[]): Promise<string> {
  await raw.acl(
    'SETUSER',
    prefix,
    'reset',
    'on',
    '>pw',
    ...[...leastPrivilege(prefix), ...gateRights()].filter((right) => !lacking.includes(right)),
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
