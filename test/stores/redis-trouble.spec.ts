import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, createServer, Socket, type Server } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { type LockError, LockManager, redisStore, type RedisStoreOptions } from '../../lib/index.js';
import type { RedisClient } from '../../lib/stores/redis/redis-client.js';
import { ConnectionTrouble } from '../../lib/stores/redis/redis-trouble.js';
import { RedisWorkbench } from '../support/redis-workbench.js';
import { startRedis } from '../support/start-redis.js';
import { SELF_SIGNED, tlsFront } from '../support/tls-front.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

/** On a free port until the end of the test. */
async function listening(server: Server): Promise<{ port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  bench.afterwards(server);
  return { port: (server.address() as AddressInfo).port };
}

async function front(): Promise<{ port: number }> {
  const made = await tlsFront(bench.server.port);
  bench.afterwards({ close: () => made[Symbol.asyncDispose]() });
  return { port: Number(new URL(made.url).port) };
}

/** A way to the server on which this happens. */
function meeting(code: string, message: string): RedisOptions {
  class Connector {
    readonly firstError = Object.assign(new Error(message), { code });
    connect(): Promise<Socket> {
      return Promise.resolve(new Socket().destroy());
    }
    check = () => true;
    disconnect = () => undefined;
  }
  return { Connector: Connector as never };
}

type Place = () => RedisOptions | Promise<RedisOptions>;
const web: Place = () =>
  listening(createWebServer((_request, response) => response.end('hello')) as unknown as Server);
const silent: Place = () => listening(createServer(() => undefined));
const closing: Place = () =>
  listening(createServer((socket) => void socket.once('data', () => socket.destroy())));
const withTls =
  (place: Place): Place =>
  async () => ({ ...(await place()), tls: {} });

/** Trying again may help: it is tried until the bound. */
const PASSING: readonly (readonly [what: string, place: Place, said: RegExp])[] = [
  ['nobody listens', () => ({ port: 1 }), /\(connect ECONNREFUSED 127.0.0.1:1\); is it running/],
  ['a host that nobody knows', () => ({ host: 'nobody.invalid' }), /host name is not known|name service/],
  ['a socket that is not there', () => ({ path: '/nowhere/redis.sock' }), /no such socket/],
  [
    'a network that cannot be reached',
    () => meeting('ENETUNREACH', 'connect ENETUNREACH'),
    /ENETUNREACH.*; is the address right\?/,
  ],
  ['somebody who says nothing', silent, /accepts connections and does not answer/],
  ['somebody who hangs up', closing, /closes the connection before it has answered; .*TLS.*rediss:/],
  ['TLS, spoken to a Redis that has none', withTls(() => ({ port: bench.server.port })), /speak TLS.*redis:/],
  ['TLS, spoken to somebody who hangs up', withTls(closing), /speak TLS\?/],
];

/** Somebody must change something: said at once, long before the bound. */
const FINAL: readonly (readonly [what: string, place: Place, said: RegExp])[] = [
  [
    'a certificate that nobody vouches for',
    withTls(front),
    /self-signed certificate\); .*certificate is not accepted; give its CA/,
  ],
  [
    'a certificate of another host',
    async () => ({ ...(await front()), tls: { ca: SELF_SIGNED, servername: 'other.example' } }),
    /other\.example.*certificate is not accepted/,
  ],
  [
    'a certificate whose time is over',
    () => meeting('CERT_HAS_EXPIRED', 'certificate has expired'),
    /certificate has expired.*renew it/,
  ],
  [
    'TLS, spoken to a web server',
    withTls(web),
    /\(ERR_SSL_WRONG_VERSION_NUMBER\); this port does not speak TLS/,
  ],
  ['a web server', web, /no Redis server; is the port right/],
  [
    'an alert of TLS',
    () => listening(createServer((socket) => void socket.write(Buffer.from([21, 3, 3, 0, 2, 2, 70])))),
    /this port speaks TLS; write rediss:/,
  ],
  [
    'a socket that we may not open',
    () => ({ path: '/run/redis.sock', ...meeting('EACCES', 'connect EACCES /run/redis.sock') }),
    /EACCES.*may not open the socket/,
  ],
  [
    'a wrong password',
    () => ({ port: bench.server.port, username: 'nobody', password: 'x' }),
    /user name or password is wrong/,
  ],
  [
    'a password in an old server or a proxy',
    () => listening(answering('-ERR invalid password')),
    /invalid password/,
  ],
  [
    'protected mode',
    () => listening(answering('-DENIED Redis is running in protected mode because …')),
    /is in protected mode/,
  ],
  [
    'a server that refuses INFO by its configuration',
    async () => {
      const server = await startRedis({ args: ['--rename-command', 'INFO', ''] });
      bench.afterwards({ close: () => server.stop() });
      return { port: server.port };
    },
    /unknown command/,
  ],
];

function answering(reply: string): Server {
  return createServer((socket) => {
    socket.on('data', (bytes) => {
      for (const _command of bytes.toString().match(/\*\d+\r\n/g) ?? []) socket.write(`${reply}\r\n`);
    });
    socket.on('error', () => undefined);
  });
}

async function startUp(options: RedisStoreOptions): Promise<LockError> {
  const locks = new LockManager({ drainMs: 0, store: redisStore(options) });
  bench.afterwards(locks);
  const error: unknown = await locks.ready().catch((reason: unknown) => reason);
  return error as LockError;
}

const MAJORS = { 'ioredis 6': Redis, 'ioredis 5': Redis5 } as const;

describe.each(Object.entries(MAJORS))('what a store says, with %s, about', (_major, Client) => {
  const clientFor = async (place: Place) =>
    new (Client as new (options: object) => Redis)({
      host: '127.0.0.1',
      lazyConnect: true,
      ...(await place()),
    });

  it.each(PASSING)('%s', async (_what, place, said) => {
    const error = await startUp({ client: await clientFor(place), commandMs: 300 });
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE', retryable: true });
    expect(error.message).toMatch(said);
    expect(/is it running/.test(error.message)).toBe(error.message.includes('ECONNREFUSED'));
  });

  it.each(FINAL)('%s, at once', async (_what, place, said) => {
    const error = await startUp({ client: await clientFor(place), commandMs: 60_000 });
    expect(error).toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED', retryable: false });
    expect(error.message).toMatch(said);
    expect(error.message).not.toMatch(/is it running/);
  });

  it('a TLS server that is spoken to without TLS', async () => {
    const error = await startUp({ client: await clientFor(front), commandMs: 300 });
    expect(error.message).toMatch(/TLS.*rediss:/);
  });

  it('a trouble that is over: not the old one, but what is met now', async () => {
    await using server = await startRedis();
    const { port } = server;
    const locks = new LockManager({
      drainMs: 0,
      store: redisStore({ client: await clientFor(() => ({ port })), commandMs: 400 }),
    });
    bench.afterwards(locks);
    await locks.ready();
    await server.kill();
    await expect(locks.tryAcquire('a')).rejects.toThrow(/ECONNREFUSED.*is it running/);
    await server.restart();
    await expect(locks.using('a', () => 'ran')).resolves.toBe('ran');
  });
});

describe('what is no client of ioredis', () => {
  class NodeRedis {
    duplicate = () => this;
    connect = () => Promise.resolve(this);
    on = () => this;
    subscribe = () => Promise.resolve();
    evalSha = () => Promise.resolve();
    isReady = true;
  }
  class Wrapper {
    readonly client = {};
    on = () => this;
  }
  it.each([
    [
      { client: new NodeRedis() },
      /no ioredis client; make one with new Redis\(…\).*package "redis" does not fit/,
    ],
    [{ client: new Wrapper() }, /no ioredis client/],
    [{ client: {} }, /no ioredis client/],
    [{ client: Promise.resolve() }, /got a promise; await it first/],
    [{ client: 'redis://h' }, /must be an ioredis client, got a text/],
    [{ client: null }, /must be an ioredis client, got null/],
    [{ options: new NodeRedis() }, /no ioredis client/],
    [{ options: new Wrapper() }, /no ioredis client/],
    [{ options: Promise.resolve() }, /got a promise; await it first/],
    [{ options: 'redis://h' }, /must be ioredis options, got a text/],
    [{ options: [] }, /must be ioredis options, got an array/],
    [{ options: { url: 'redis://h' } }, /options has no "url"; give the URL itself/],
    [{ options: { host: 'redis://h' } }, /options.host looks like a URL/],
    [
      { options: { sentinels: [], name: 'x' } },
      /ioredis refuses these options: Requires at least one sentinel/,
    ],
    ['redis://h', /takes an object: \{ url \}/],
  ])('%p is refused where it is given', (options, said) => {
    const refused = () => redisStore(options as unknown as RedisStoreOptions);
    expect(refused).toThrow(
      expect.objectContaining({ name: 'LockUsageError', code: 'LOCK_OPTIONS_INVALID' }),
    );
    expect(refused).toThrow(said);
  });
});

describe('a trouble that is over', () => {
  it('is not said of the next one', () => {
    const client = new EventEmitter();
    const trouble = new ConnectionTrouble(client as unknown as RedisClient, 'redis://h', () => undefined);
    client.emit('error', Object.assign(new Error('self-signed certificate'), { code: 'SELF_SIGNED_CERT' }));
    expect(trouble.error().message).toMatch(/certificate/);
    client.emit('connect');
    client.emit('ready');
    expect(trouble.error().message).toMatch(/\(no answer\); nothing came back/);
    client.emit('connect');
    client.emit('close');
    expect(trouble.error().message).toMatch(/closes the connection/);
    client.emit('ready');
    client.emit('error', new Error('read ECONNRESET'));
    expect(trouble.error().message).toMatch(/\(read ECONNRESET\); is the address right\?/);
  });

  it('is not hidden by what ioredis says of itself afterwards', () => {
    const client = new EventEmitter();
    const trouble = new ConnectionTrouble(client as unknown as RedisClient, 'redis://h', () => undefined);
    client.emit('error', new Error('Protocol error, got "H" as reply type byte. Please report this.'));
    client.emit('error', new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    client.emit('error', new Error('Connection is closed.'));
    client.emit('error', new Error('Reached the max retries per request limit (which is 0). Refer to …'));
    expect(trouble.error()).toMatchObject({ code: 'LOCK_STORE_UNSUPPORTED', retryable: false });
    expect(trouble.error().message).toMatch(/no Redis server/);
  });

  it('of a host with many addresses is shown by its code', () => {
    const client = new EventEmitter();
    const trouble = new ConnectionTrouble(client as unknown as RedisClient, 'redis://h', () => undefined);
    client.emit('error', Object.assign(new AggregateError([new Error('a')]), { code: 'ECONNREFUSED' }));
    expect(trouble.error().message).toMatch(/\(ECONNREFUSED\); is it running/);
  });
});
