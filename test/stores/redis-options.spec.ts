import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Command, Redis, type RedisOptions } from 'ioredis';
import { Command as Command5, Redis as Redis5 } from 'ioredis5';
import ts from 'typescript';
import { findRedisServer } from '../../scripts/find-redis.mjs';
import { LockManager, redisStore, type RedisStoreOptions } from '../../lib/index.js';
import { eventually } from '../support/redis-workbench.js';
import { killWhenWeAreGone } from '../support/reaper.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

const load = createRequire(import.meta.url);
const MAJORS = { ioredis: Redis, ioredis5: Redis5 } as const;
type Major = keyof typeof MAJORS;

const userOptions = { username: 'app', password: 'pw' };
const nothing = () => null;

/**
 * Every option of ioredis, 5 and 6, with what an application may have set that could hurt a lock. An option without a value here
 * cannot: it says why.
 */
const TABLE: Record<string, readonly object[] | string> = {
  // Set by our profile, whatever came along.
  stringNumbers: [{ stringNumbers: true }],
  replyMapping: [{ replyMapping: 'resp3' }],
  readOnly: [{ readOnly: true }],
  monitor: [{ monitor: true }],
  lazyConnect: [{ lazyConnect: false }],
  scripts: [
    { scripts: { evalsha: { lua: 'return 1', numberOfKeys: 0 } } },
    { scripts: { info: { lua: 'return 1', numberOfKeys: 0 } } },
  ],
  himportFieldsets: [{ himportFieldsets: [{ name: 'f', fields: ['a'] }] }],
  showFriendlyErrorStack: [{ showFriendlyErrorStack: true }],
  role: [{ role: 'slave' }],
  retryStrategy: [{ retryStrategy: nothing }, { retryStrategy: null }],
  reconnectOnError: [{ reconnectOnError: () => 2 }],
  commandTimeout: [{ commandTimeout: 1 }],
  socketTimeout: [{ socketTimeout: 1 }],
  connectTimeout: [{ connectTimeout: 1 }],
  disconnectTimeout: [{ disconnectTimeout: 0 }],
  keepAlive: [{ keepAlive: 0 }],
  noDelay: [{ noDelay: false }],
  connectionName: [{ connectionName: 'a name with blanks' }],
  autoResubscribe: [{ autoResubscribe: true }],
  autoResendUnfulfilledCommands: [{ autoResendUnfulfilledCommands: true }],
  maxRetriesPerRequest: [{ maxRetriesPerRequest: null }],
  enableOfflineQueue: [{ enableOfflineQueue: true }],
  enableAutoPipelining: [{ enableAutoPipelining: true }],
  sentinelRetryStrategy: [{ sentinelRetryStrategy: nothing }],
  sentinelCommandTimeout: [{ sentinelCommandTimeout: 1 }],
  failoverDetector: [{ failoverDetector: false }],
  // Do no harm.
  protocol: [{ protocol: 2 }, { protocol: 3 }],
  keyPrefix: [{ keyPrefix: 'app:' }, { keyPrefix: Buffer.from('äpp:') }, { keyPrefix: 7 }],
  db: [{ db: 3 }, { db: '3' }],
  username: [userOptions],
  password: [userOptions],
  family: [{ family: 4 }],
  blockingTimeout: [{ blockingTimeout: 1, blockingTimeoutGrace: 0 }],
  blockingTimeoutGrace: [{ blockingTimeout: 1, blockingTimeoutGrace: 0 }],
  disableClientInfo: [{ disableClientInfo: true }],
  clientInfoTag: [{ clientInfoTag: 'a tag with blanks' }],
  enableReadyCheck: [{ enableReadyCheck: false }],
  maxLoadingRetryTime: [{ maxLoadingRetryTime: 0 }],
  autoPipeliningIgnoredCommands: [{ enableAutoPipelining: true, autoPipeliningIgnoredCommands: ['evalsha'] }],
  offlineQueue: [{ offlineQueue: false }],
  commandQueue: [{ commandQueue: false }],
  natMap: [{ natMap: { '127.0.0.1:1': { host: 'nowhere.invalid', port: 1 } } }],
  preferredSlaves: [{ preferredSlaves: [{ ip: 'nowhere.invalid', port: '1' }] }],
  name: [{ name: 'not of a Sentinel' }],
  sentinelUsername: [{ sentinelUsername: 'x' }],
  sentinelPassword: [{ sentinelPassword: 'x' }],
  sentinelReconnectStrategy: [{ sentinelReconnectStrategy: nothing }],
  sentinelMaxConnections: [{ sentinelMaxConnections: 0 }],
  sentinelTLS: [{ sentinelTLS: {} }],
  enableTLSForSentinelMode: [{ enableTLSForSentinelMode: true }],
  updateSentinels: [{ updateSentinels: false }],
  // Where the server is: below, and in the specs of TLS and URLs.
  host: 'where the server is',
  port: 'where the server is',
  path: 'where the server is; a case of its own below',
  tls: 'where the server is; test/bad-input.spec.ts',
  sentinels: 'where the server is; a case of its own below',
  Connector: 'how the server is found; a case of its own below',
};

/** As its types name them, own and inherited, and as its defaults have them. */
function optionsOf(major: Major): string[] {
  const built = dirname(load.resolve(major));
  const declared = [
    'utils/Commander',
    'redis/RedisOptions',
    'connectors/SentinelConnector/index',
    'connectors/StandaloneConnector',
  ];
  const names = declared.flatMap((file) => {
    const tree = ts.createSourceFile(
      'x.ts',
      readFileSync(join(built, `${file}.d.ts`), 'utf8'),
      ts.ScriptTarget.Latest,
    );
    return tree.statements.flatMap((statement) => {
      const isOptions =
        (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) &&
        statement.name.text.endsWith('Options');
      return isOptions ? namesIn(statement, tree) : [];
    });
  });
  const defaults = Object.keys(
    (load(join(built, 'redis/RedisOptions.js')) as { DEFAULT_REDIS_OPTIONS: object }).DEFAULT_REDIS_OPTIONS,
  );
  return [...new Set([...names, ...defaults])].sort();
}

/** Members of the type itself, not of types of its members; and what it picks from another. */
function namesIn(node: ts.Node, tree: ts.SourceFile): string[] {
  const names: string[] = [];
  ts.forEachChild(node, function visit(child): void {
    if (ts.isPropertySignature(child)) names.push(child.name.getText(tree));
    else if (ts.isStringLiteral(child)) names.push(child.text);
    else ts.forEachChild(child, visit);
  });
  return names;
}

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
  const raw = new Redis(server.url);
  await raw.acl('SETUSER', 'app', 'on', '>pw', '~*', '&*', '+@all');
  raw.disconnect();
});
afterAll(() => server.stop());

/** Everything that a lock does in its life; the next holder hears of its grant, long before it would have asked again. */
async function lockLife(name: string, connection: () => RedisStoreOptions): Promise<'lived'> {
  const lost: string[] = [];
  const managers = [connection(), connection()].map(
    (options) => new LockManager({ drainMs: 0, store: redisStore(options) }),
  );
  for (const locks of managers) locks.on('lost', ({ cause }) => lost.push(cause));
  const [a, b] = managers as [LockManager, LockManager];
  try {
    const first = await a.acquire(name, { leaseMs: 20_000 });
    const second = b.acquire(name, { leaseMs: 20_000, waitMs: 4_000 });
    await eventually(async () => (await a.inspect(name)).waitingProcesses === 1);
    expect(await a.inspect(name)).toMatchObject({
      held: true,
      waitingProcesses: 1,
      fencingToken: first.fencingToken,
    });
    await first.extend(30_000);
    expect(first.remainingMs()).toBeGreaterThan(20_000);
    await expect(first.release()).resolves.toBe('released');
    const next = await second;
    expect(next.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(lost).toEqual([]);
    await next.extend(20_000);
    expect(next.state).toBe('held');
    await expect(a.forceRelease(name, 'test')).resolves.toMatchObject({ fencingToken: next.fencingToken });
    await eventually(() => next.state === 'lost');
    expect(lost).toEqual(['forced']);
    await expect(a.forceRelease(name, 'test')).resolves.toBeNull();
    expect(await b.inspect(name)).toMatchObject({ held: false, waitingProcesses: 0 });
    return 'lived';
  } finally {
    await Promise.all(managers.map((locks) => locks.close()));
  }
}

/** Once with a client of the application, which is never connected itself; once with its options. */
async function lifeWith(major: Major, given: object): Promise<'lived'> {
  const options = { host: '127.0.0.1', port: server.port, ...given } as RedisOptions;
  const Client = MAJORS[major] as new (options: object) => Redis;
  const client = new Client({ ...options, lazyConnect: true });
  if (major === 'ioredis') await lockLife('b', () => ({ options }));
  return lockLife('a', () => ({ client }));
}

async function warningsOf(major: Major, port: number): Promise<string[]> {
  const Client = MAJORS[major] as new (options: object) => Redis;
  const locks = new LockManager({ store: redisStore({ client: new Client({ port, lazyConnect: true }) }) });
  const warnings: string[] = [];
  locks.on('warning', ({ message }) => warnings.push(message));
  await locks.ready();
  await locks.close();
  return warnings;
}

describe.each(Object.keys(MAJORS) as Major[])('an application with %s', (major) => {
  it('has no option that the table of this spec does not know', () => {
    expect(optionsOf(major)).toContain('stringNumbers');
    expect(optionsOf(major)).toContain('sentinels');
    expect(optionsOf(major)).toContain('host');
    expect(optionsOf(major).filter((option) => !(option in TABLE))).toEqual([]);
  });

  const rows = Object.entries(TABLE).flatMap(([option, values]) =>
    typeof values === 'string' ? [] : values.map((given) => [option, given] as const),
  );
  it.each(rows)('may have set %s: %p', async (option, given) => {
    if (major === 'ioredis5' && !optionsOf(major).includes(option)) return;
    await expect(lifeWith(major, given)).resolves.toBe('lived');
  });

  it('may have set what its clients get by default', async () => {
    const { defaultOptions } = MAJORS[major] as unknown as { defaultOptions: Record<string, unknown> };
    const before = { ...defaultOptions };
    Object.assign(defaultOptions, { stringNumbers: true, commandTimeout: 1, noDelay: false, monitor: true });
    Object.assign(defaultOptions, { scripts: { evalsha: { lua: 'return 1', numberOfKeys: 0 } } });
    try {
      await expect(lifeWith(major, {})).resolves.toBe('lived');
    } finally {
      for (const key of Object.keys(defaultOptions)) delete defaultOptions[key];
      Object.assign(defaultOptions, before);
    }
  });

  it('may have taught it to make an object of the reply to INFO, and texts of arguments', async () => {
    const commands = (major === 'ioredis' ? Command : Command5) as unknown as {
      setReplyTransformer(name: string, transform: (reply: unknown) => unknown): void;
      setArgumentTransformer(name: string, transform: (args: unknown[]) => unknown[]): void;
      _transformer: Record<'reply' | 'argument', Record<string, unknown>>;
    };
    commands.setReplyTransformer('info', (reply) =>
      Object.fromEntries(
        String(reply)
          .split('\r\n')
          .map((line) => line.split(':')),
      ),
    );
    commands.setArgumentTransformer('evalsha', (args) => args.map(String));
    try {
      await expect(lifeWith(major, { enableReadyCheck: false })).resolves.toBe('lived');
      await using evicting = await startRedis({ args: ['--maxmemory-policy', 'volatile-lru'] });
      expect(await warningsOf(major, evicting.port)).toEqual([expect.stringContaining('volatile-lru')]);
    } finally {
      delete commands._transformer.reply['info'];
      delete commands._transformer.argument['evalsha'];
    }
  });

  it('may find its server through a socket file', async () => {
    const path = join(server.folder, 'redis.sock');
    await using own = await startRedis({ args: ['--unixsocket', path] });
    expect(own.port).toBeGreaterThan(0);
    await expect(lifeWith(major, { path })).resolves.toBe('lived');
  });

  it('may find its server through a connector of its own', async () => {
    const Standalone = (
      load(join(dirname(load.resolve(major)), 'connectors/StandaloneConnector.js')) as {
        default: new (options: object) => object;
      }
    ).default;
    class Connector extends Standalone {
      constructor(options: object) {
        super({ ...options, host: '127.0.0.1', port: server.port });
      }
    }
    await expect(lifeWith(major, { host: 'nowhere.invalid', port: 1, Connector })).resolves.toBe('lived');
  });

  it('may find its server through a Sentinel, with every option of that, and even ask for a replica', async () => {
    await using sentinel = await startSentinel(server.port);
    await expect(
      lifeWith(major, {
        sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
        name: 'main',
        role: 'slave',
        natMap: { '10.0.0.1:1': { host: '10.0.0.2', port: 1 } },
        sentinelRetryStrategy: nothing,
        sentinelReconnectStrategy: nothing,
        sentinelMaxConnections: 1,
        sentinelCommandTimeout: 1,
        updateSentinels: false,
        stringNumbers: true,
      }),
    ).resolves.toBe('lived');
  });
});

/** A real one, which watches the server on this port. */
async function startSentinel(port: number): Promise<AsyncDisposable & { readonly port: number }> {
  const own = server.port + 1;
  const file = join(server.folder, `sentinel-${Date.now()}.conf`);
  writeFileSync(file, `port ${own}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 ${port} 1\n`);
  const child = spawn(findRedisServer()!, [file, '--sentinel'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const forget = killWhenWeAreGone(child.pid!);
  for await (const chunk of child.stdout) if (String(chunk).includes('+monitor')) break;
  return {
    port: own,
    [Symbol.asyncDispose]: async () => {
      forget();
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}
