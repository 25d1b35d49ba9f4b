import { once } from 'node:events';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';

import { FaultProxy } from '../../lib/testing/fault-proxy.js';
import { ManualClock } from '../../lib/testing/manual-clock.js';
import { startRedis, type RedisServer } from '../support/start-redis.js';

describe('FaultProxy', () => {
  let echo: EchoServer;
  let proxy: FaultProxy;
  const clock = new ManualClock();

  beforeEach(async () => {
    echo = await EchoServer.start();
    proxy = await FaultProxy.listen({ host: '127.0.0.1', port: echo.port }, { clock });
  });

  afterEach(async () => {
    await proxy.close();
    await echo.stop();
  });

  it('lets everything through, until a side ends', async () => {
    const client = await TestClient.connect(proxy.port);
    client.send('hello');
    expect(await client.until('HELLO')).toBe('HELLO');
    expect(proxy.connections).toBe(1);
    client.socket.end();
    await client.closed;
    expect(client.error).toBeUndefined();
    expect(echo.ends).toBe(1);
    while (proxy.connections > 0) await new Promise(setImmediate);
  });

  it('refuses new connections with a reset and leaves existing ones alone', async () => {
    const early = await TestClient.connect(proxy.port);
    early.send('a');
    expect(await early.until('A')).toBe('A');
    proxy.mode = 'refuse';
    const late = await TestClient.connect(proxy.port);
    await late.closed;
    expect(late.error).toBe('ECONNRESET');
    early.send('b');
    expect(await early.until('AB')).toBe('AB');
  });

  it('holds both directions back in a black hole and delivers them afterwards, in order', async () => {
    const client = await TestClient.connect(proxy.port);
    client.send('a');
    expect(await client.until('A')).toBe('A');
    proxy.mode = 'black-hole';
    client.send('b');
    echo.sendAll('push');
    await loopTurns();
    expect(echo.received).toBe('a');
    expect(client.received).toBe('A');
    client.send('c');
    await loopTurns();
    proxy.mode = 'pass';
    expect(await client.until('ApushBC')).toBe('ApushBC');
    expect(echo.received).toBe('abc');
  });

  it.each([
    ['hung up', (socket: Socket) => socket.destroy()],
    ['was killed', (socket: Socket) => socket.resetAndDestroy()],
  ])('hides from the server, while it is a black hole, that the client %s', async (_how, leave) => {
    const client = await TestClient.connect(proxy.port);
    client.send('a');
    expect(await client.until('A')).toBe('A');
    proxy.mode = 'black-hole';
    leave(client.socket);
    await client.closed;
    await loopTurns();
    expect([echo.open, echo.ends]).toEqual([1, 0]);
    proxy.mode = 'pass';
    await echo.untilOpen(0);
  });

  it('drops requests, and resets the connection with the gap when the mode changes', async () => {
    const client = await TestClient.connect(proxy.port);
    client.send('a');
    expect(await client.until('A')).toBe('A');
    proxy.mode = 'drop-requests';
    client.send('b');
    echo.sendAll('push');
    expect(await client.until('Apush')).toBe('Apush');
    proxy.mode = 'pass';
    await client.closed;
    expect(client.error).toBe('ECONNRESET');
    expect(echo.received).toBe('a');
  });

  it('drops replies although the server executed, and resets the connection with the gap', async () => {
    const client = await TestClient.connect(proxy.port);
    proxy.mode = 'drop-replies';
    client.send('a');
    expect(await echo.until('a')).toBe('a');
    await loopTurns();
    expect(client.received).toBe('');
    proxy.mode = 'pass';
    await client.closed;
    expect([client.received, client.error]).toEqual(['', 'ECONNRESET']);
  });

  it('does not reset a connection that lost nothing while the mode dropped', async () => {
    const client = await TestClient.connect(proxy.port);
    client.send('a');
    expect(await client.until('A')).toBe('A');
    proxy.mode = 'drop-replies';
    proxy.mode = 'pass';
    client.send('b');
    expect(await client.until('AB')).toBe('AB');
  });

  it('delays requests and replies by the clock it was given, and keeps their order', async () => {
    const client = await TestClient.connect(proxy.port);
    proxy.delayUpMs = 300;
    client.send('a');
    await loopTurns();
    proxy.delayUpMs = 0;
    client.send('b');
    await loopTurns();
    clock.advance(299);
    await loopTurns();
    expect(echo.received).toBe('');
    proxy.delayDownMs = 500;
    clock.advance(1);
    expect(await echo.until('ab')).toBe('ab');
    await loopTurns();
    clock.advance(499);
    await loopTurns();
    expect(client.received).toBe('');
    clock.advance(1);
    expect(await client.until('AB')).toBe('AB');
  });

  it('loses a request: the server never sees it and the client is reset', async () => {
    const struck = proxy.arm({ fault: 'lose-request', when: 'bad' });
    const [good, bad] = [await TestClient.connect(proxy.port), await TestClient.connect(proxy.port)];
    good.send('good');
    expect(await good.until('GOOD')).toBe('GOOD');
    bad.send('bad');
    await struck;
    await bad.closed;
    expect(bad.error).toBe('ECONNRESET');
    expect(echo.received).toBe('good');
  });

  it('loses a reply: the server executed, the client is reset without an answer', async () => {
    const struck = proxy.arm({ fault: 'lose-reply', when: (bytes) => bytes.length === 4 });
    const client = await TestClient.connect(proxy.port);
    client.send('long');
    await struck;
    await client.closed;
    expect([client.received, client.error]).toEqual(['', 'ECONNRESET']);
    expect(echo.received).toBe('long');
  });

  it('gives half of a reply and then the end of the connection', async () => {
    void proxy.arm({ fault: 'half-reply', when: 'x' });
    const client = await TestClient.connect(proxy.port);
    client.send('wxyz');
    await client.closed;
    expect([client.received, client.error]).toEqual(['WX', undefined]);
  });

  it('swallows a reply and all after it, and leaves the connection open', async () => {
    const struck = proxy.arm({ fault: 'swallow-reply', when: 'a' });
    const client = await TestClient.connect(proxy.port);
    client.send('a');
    await struck;
    client.send('b');
    expect(await echo.until('ab')).toBe('ab');
    await loopTurns();
    expect(client.received).toBe('');
    expect(proxy.connections).toBe(1);
  });

  it('strikes as often as it was armed for, and then no more', async () => {
    const struck = proxy.arm({ fault: 'lose-request', when: 'x', times: 2 });
    for (let n = 0; n < 2; n++) {
      const client = await TestClient.connect(proxy.port);
      client.send('x');
      await client.closed;
    }
    await struck;
    const spared = await TestClient.connect(proxy.port);
    spared.send('x');
    expect(await spared.until('X')).toBe('X');
  });

  it('forgets an armed fault when disarmed', async () => {
    void proxy.arm({ fault: 'lose-request', when: 'x' });
    proxy.disarm();
    const client = await TestClient.connect(proxy.port);
    client.send('x');
    expect(await client.until('X')).toBe('X');
  });

  it('cuts all connections with a reset and accepts new ones', async () => {
    const clients = [await TestClient.connect(proxy.port), await TestClient.connect(proxy.port)];
    for (const client of clients) {
      client.send('a');
      expect(await client.until('A')).toBe('A');
    }
    proxy.cutAll();
    for (const client of clients) await client.closed;
    expect(clients.map((client) => client.error)).toEqual(['ECONNRESET', 'ECONNRESET']);
    await echo.untilOpen(0);
    const next = await TestClient.connect(proxy.port);
    next.send('b');
    expect(await next.until('B')).toBe('B');
  });

  it('resets a client whose server cannot be reached', async () => {
    await echo.stop();
    const client = await TestClient.connect(proxy.port);
    await client.closed;
    expect(client.error).toBe('ECONNRESET');
  });

  it('can be closed twice', async () => {
    await TestClient.connect(proxy.port);
    await proxy.close();
    await proxy.close();
    expect(proxy.connections).toBe(0);
  });
});

describe('FaultProxy before a real Redis', () => {
  let server: RedisServer;
  let proxy: FaultProxy;
  let client: Redis;

  beforeEach(async () => {
    server = await startRedis();
    proxy = await FaultProxy.listen({ host: '127.0.0.1', port: server.port });
    client = new Redis(proxy.url, { retryStrategy: () => 5 });
    client.on('error', () => {}); // the cuts are the point
    await client.ping();
  });

  afterEach(async () => {
    client.disconnect();
    await proxy.close();
    await server.stop();
  });

  it('shows that ioredis sends a command again whose reply was lost, so that it is executed twice', async () => {
    const struck = proxy.arm({ fault: 'lose-reply', when: 'incr' });
    const reply = client.incr('n');
    await struck;
    await expect(reply).resolves.toBe(2);
  });

  it('shows a command executed once when it was the request that got lost', async () => {
    const struck = proxy.arm({ fault: 'lose-request', when: 'incr' });
    const reply = client.incr('n');
    await struck;
    await expect(reply).resolves.toBe(1);
  });

  it('lets a client reconnect by itself after a cut', async () => {
    proxy.cutAll();
    await expect(client.ping()).resolves.toBe('PONG');
  });
});

/** Lets everything arrive that is on its way inside this machine: loopback delivers within one turn of the loop. */
async function loopTurns(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await new Promise(setImmediate);
}

class TestClient {
  received = '';
  error: string | undefined;
  readonly closed: Promise<unknown>;

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => (this.received += bytes.toString()));
    socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code));
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  /** Resolves when connected, or when that failed. */
  static async connect(port: number): Promise<TestClient> {
    const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const client = new TestClient(socket);
    await Promise.race([new Promise((resolve) => socket.once('connect', resolve)), client.closed]);
    return client;
  }

  send(text: string): void {
    this.socket.write(text);
  }

  /** What has been received once that is as long as `text`, or at the end of the connection. */
  async until(text: string): Promise<string> {
    while (this.received.length < text.length && !this.socket.destroyed) await new Promise(setImmediate);
    return this.received;
  }
}

/** Answers in capitals, so that answers are the same however TCP cuts the pieces, and keeps account. */
class EchoServer {
  received = '';
  ends = 0;
  readonly #sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly port: number,
  ) {
    server.on('connection', (socket: Socket) => this.#serve(socket));
  }

  static async start(): Promise<EchoServer> {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return new EchoServer(server, typeof address === 'object' && address !== null ? address.port : 0);
  }

  get open(): number {
    return this.#sockets.size;
  }

  sendAll(text: string): void {
    for (const socket of this.#sockets) socket.write(text);
  }

  async until(text: string): Promise<string> {
    while (this.received.length < text.length) await new Promise(setImmediate);
    return this.received;
  }

  async untilOpen(count: number): Promise<void> {
    while (this.open !== count) await new Promise(setImmediate);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString();
      socket.write(bytes.toString().toUpperCase());
    });
    socket.on('end', () => this.ends++);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {}); // resets are the point
  }
}
