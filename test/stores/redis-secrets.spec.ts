import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { LockManager, redisStore, type RedisStoreOptions } from '../../lib/index.js';
import { optionsOfUrl } from '../../lib/stores/redis/redis-address.js';
import { resolveModuleOptions } from '../../src/distributed-lock.module-options.js';
import { startRedis } from '../support/start-redis.js';

/** Both ends of each password: when a URL is cut in the middle of it, one of them is left. */
const SECRET = /hunter|dwarf/i;
const PORT_OF_NOBODY = 1;

/** All that a log could show of it. */
function shown(thing: unknown): string {
  const { message, stack, cause } = (thing ?? {}) as Partial<Error>;
  const deep = inspect(thing, { depth: Infinity, showHidden: true, getters: true });
  return [
    deep,
    JSON.stringify(thing),
    message,
    stack,
    String(cause),
    inspect(cause, { showHidden: true }),
  ].join('\n');
}

/** What is refused, and what a store says that is printed or cannot connect. */
function tellTales(make: () => unknown): unknown[] {
  try {
    return [make()];
  } catch (error) {
    return [error];
  }
}

const junk = fc.string({
  unit: fc.constantFrom(...'@/#?%:&=+\\[] \n\t\'"~a1'.split(''), '%zz', '%41', '//', 'é', '?x=', '&x='),
  maxLength: 6,
});
const url = fc
  .record({
    scheme: fc.constantFrom(
      'redis://',
      'rediss://',
      'REDISS://',
      'unix://',
      'redis:/',
      'redis:',
      '//',
      '',
      'http://',
      ' redis://',
    ),
    user: fc.constantFrom('', 'app', 'a/b', 'default'),
    password: junk.map((inside) => `hunter${inside}dwarf`),
    encoded: fc.boolean(),
    form: fc.constantFrom('user:password', 'user alone', 'query', 'query with user', 'twice'),
    host: fc.constantFrom('127.0.0.1', 'localhost', '[::1]', '::1', '', 'nobody.invalid', 'two words'),
    port: fc.constantFrom('', ':1', ':99999', ':0', ':x', ':'),
    path: fc.constantFrom('', '/', '/0', '/x', '/tmp/r.sock', '\n', '#x'),
  })
  .map(({ scheme, user, password, encoded, form, host, port, path }) => {
    const word = encoded ? encodeURIComponent(password) : password;
    const login =
      { 'user:password': `${user}:${word}@`, 'user alone': `${word}@`, twice: `${user}:${word}@` }[
        form as string
      ] ?? '';
    const query = {
      query: `?password=${word}`,
      'query with user': `?username=u&password=${word}`,
      twice: `?password=${word}`,
    };
    return `${scheme}${login}${host}${port}${path}${query[form as 'query'] ?? ''}`;
  });

describe('a password in a URL', () => {
  it('is in nothing that can be printed, wherever the URL is given and whatever its form', () => {
    fc.assert(
      fc.property(url, (given) => {
        const places: (() => unknown)[] = [
          () => redisStore({ url: given }),
          () => redisStore({ client: new Redis({ host: given, lazyConnect: true }) }),
          () => redisStore({ client: new Redis5({ path: given, lazyConnect: true }) }),
          () => new LockManager({ store: redisStore({ url: given }) }),
          () => new LockManager({ store: redisStore({ options: { host: given } }) }),
          () => new LockManager({ store: redisStore({ options: { path: given } }) }),
          () => new LockManager(resolveModuleOptions({ redis: given }, 'default').manager),
          () =>
            new LockManager({ store: redisStore({ client: new Redis({ host: given, lazyConnect: true }) }) }),
          ...[given, { client: given }, { options: given }, { url: [given] }].map(
            (wrong) => () => new LockManager({ store: redisStore(wrong as RedisStoreOptions) }),
          ),
          () => new LockManager({ store: given } as never),
          () => new LockManager(given as never),
          () => new LockManager(resolveModuleOptions(given as never, 'default').manager),
          () => new LockManager(resolveModuleOptions({ store: given } as never, 'default').manager),
          () => new LockManager(resolveModuleOptions({ redis: { url: given } } as never, 'default').manager),
        ];
        for (const tale of places.flatMap(tellTales)) expect(shown(tale)).not.toMatch(SECRET);
      }),
      { numRuns: 200 },
    );
  });

  it('is in no error of a connection that does not come about', async () => {
    const urls = fc
      .sample(url, 300)
      .map((given) => given.replace(/127\.0\.0\.1(:\w*)?/, `127.0.0.1:${PORT_OF_NOBODY}`));
    const tales = await Promise.all(
      urls.map(async (given) => {
        let locks: LockManager | undefined;
        try {
          locks = new LockManager({ drainMs: 0, store: redisStore({ url: given, commandMs: 60 }) });
          await locks.acquire('a', { waitMs: 100 });
          return undefined;
        } catch (error) {
          return error;
        } finally {
          await locks?.close();
        }
      }),
    );
    const connected = tales.filter((error) => (error as { code?: string }).code !== 'LOCK_OPTIONS_INVALID');
    expect(connected.length).toBeGreaterThan(0);
    for (const error of tales) expect(shown(error)).not.toMatch(SECRET);
  });

  it.each([
    ['redis://h', { host: 'h' }],
    ['redis://', {}],
    ['redis://u:p@h:5/3', { username: 'u', password: 'p', host: 'h', port: 5, db: 3 }],
    ['REDISS://:p%40%2F@[::1]:5', { username: '', password: 'p@/', host: '::1', port: 5, tls: {} }],
    ['redis://:p@q r@h', { username: '', password: 'p@q r', host: 'h' }],
    ['redis://u@h', { username: 'u', password: '', host: 'h' }],
    ['redis://h/0?password=p%26q&family=6', { host: 'h', db: 0, password: 'p&q', family: 6 }],
    ['unix:///run/redis.sock', { path: '/run/redis.sock' }],
    ['unix:///run/redis@main/redis.sock', { path: '/run/redis@main/redis.sock' }],
    ['redis://u:p@h?sentinelPassword=s', { username: 'u', password: 'p', host: 'h', sentinelPassword: 's' }],
    ['unix://u:p@/run/a%20b.sock?db=2', { username: 'u', password: 'p', path: '/run/a b.sock', db: 2 }],
    [' redis://h\n', { host: 'h' }],
  ])('%j is understood', (given, options) => {
    expect(optionsOfUrl(given)).toEqual(options);
  });

  it.each([
    'redis://u:p%23@h:5/3',
    'redis://u:p@h',
    'redis://:p@[::1]:5/2',
    'redis://h?password=x&db=2',
    'rediss://h',
    'redis://u@h',
  ])('%j is understood as ioredis does', (given) => {
    for (const Client of [Redis, Redis5] as (new (url: string, options: object) => Redis)[]) {
      const { options } = new Client(given, { lazyConnect: true });
      const ours = optionsOfUrl(given);
      expect(options).toMatchObject({ ...ours, ...(ours.tls && { tls: expect.anything() }) });
    }
  });

  it.each([
    ['hunter@h:6379', /url must begin with redis:\/\/, rediss:\/\/ or unix:\/\//],
    ['redis:/u:hunter@h', /must begin with/],
    ['redis://u:hunter@h:99999', /a port up to 65535/],
    ['redis://u:hunter@h:0', /a port that is not from 1 to 65535/],
    ['redis://:hunt/er@h', /in a password \/ written %2F/],
    ['redis://u:1234/hunter@h', /a \/ in a password is written %2F/],
    ['redis://u:1234#hunter@h', /has a # in it, which is written %23/],
    ['redis://u:1234?hunter@h', /in a password \? is written %3F/],
    ['redis://u:%zzhunter@h', /a % in a password is written %25/],
    ['redis://u:hun\nter@h', /has a line break/],
    ['redis://u:hunter@::1', /an IPv6 address in \[ \]/],
    ['redis://u:hunter@h?password=x', /says twice who the user is/],
    ['unix://u:hunter@run/redis.sock', /unix:\/\/\/path/],
  ])('%j is refused where it is given, with the fix', (given, said) => {
    const refused = () => redisStore({ url: given });
    expect(refused).toThrow(said);
    expect(refused).toThrow(/^redisStore: url .* \(what was given is not shown: it may hold a password\)$/);
    expect(refused).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS_INVALID' }));
  });
});

describe('where a server is', () => {
  it.each([
    [{ url: 'redis://u:p@h:5/3' }, 'redis://h:5'],
    [{ url: 'rediss://[::1]' }, 'rediss://[::1]:6379'],
    [{ url: 'unix://u:p@/run/redis@main/redis.sock' }, 'unix:///run/redis@main/redis.sock'],
    [{ options: { path: '/run/redis@main/redis.sock' } }, 'unix:///run/redis@main/redis.sock'],
    [{ options: { password: 'p' } }, 'redis://localhost:6379'],
    [{ options: { sentinels: [{ host: 's' }], name: 'main' } }, "the Sentinels' primary main"],
    [{ client: new Redis({ host: 'h', tls: {}, lazyConnect: true }) }, 'rediss://h:6379'],
    [{ client: new Redis({ host: 'u:p@h', lazyConnect: true }) }, 'redis://(not shown):6379'],
  ])('is shown without who the user is: %#', (options, address) => {
    expect(redisStore(options as RedisStoreOptions).address).toBe(address);
  });
});

describe('a password that works', () => {
  it.each(['?password=', ':p@/ #%?&', '%41', 'é"\\'])(
    'is taken from a URL in which it is percent-encoded: %j',
    async (password) => {
      await using server = await startRedis({ args: ['--requirepass', password] });
      const { port } = server;
      for (const url of [
        `redis://:${encodeURIComponent(password)}@127.0.0.1:${port}`,
        `redis://127.0.0.1:${port}/1?password=${encodeURIComponent(password)}`,
      ]) {
        const locks = new LockManager({ store: redisStore({ url }) });
        await expect(locks.using('a', () => 'ran')).resolves.toBe('ran');
        await locks.close();
      }
    },
  );
});

describe('a server that repeats what it was told', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on('data', (bytes) => {
        const words = bytes
          .toString()
          .split('\r\n')
          .filter((word) => !/^[*$]/.test(word));
        const text = words.map((word) => `'${word}'`).join(' ');
        const commands = bytes.toString().match(/\*\d+\r\n/g) ?? [];
        for (const _ of commands) socket.write(`-ERR unknown command, with args beginning with: ${text}\r\n`);
      });
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => void server.close());

  it.each([
    ['a URL', (port: number) => ({ url: `redis://hunter:dwarf@127.0.0.1:${port}` })],
    ['options', (port: number) => ({ options: { port, password: 'hunter dwarf', enableReadyCheck: false } })],
    [
      'a client of ioredis 6',
      (port: number) => ({ client: new Redis({ port, password: 'hunter', lazyConnect: true }) }),
    ],
    [
      'a client of ioredis 5',
      (port: number) => ({ client: new Redis5({ port, password: 'hunter', lazyConnect: true }) }),
    ],
  ])('learns a password from %s, and no error has it', async (_what, options) => {
    const { port } = server.address() as AddressInfo;
    const store = redisStore({ ...options(port), commandMs: 200 } as RedisStoreOptions);
    const locks = new LockManager({ drainMs: 0, store });
    const error = await locks.ready().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED' });
    for (const thing of [error, store, locks]) expect(shown(thing)).not.toMatch(SECRET);
    await locks.close();
  });
});
