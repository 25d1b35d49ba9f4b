import 'reflect-metadata';
import { once } from 'node:events';
import { type ArgumentsHost, Catch, Inject, UseFilters } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { WsAdapter } from '@nestjs/platform-ws';
import {
  BaseWsExceptionFilter,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { describe, expect, it } from '@jest/globals';
import { CurrentLease, Lease, LockBusyError, Locked, LockService } from 'nestjs-distributed-lock';
import { Observable } from 'rxjs';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';

import { type RunningApp, Section, startApp, until, waiting } from '../support/application.js';

/** As an application's own: it adds a word to what Nest sends. */
@Catch(LockBusyError)
class SeesBusy extends BaseWsExceptionFilter {
  static readonly seen: string[] = [];

  override catch(error: Error, host: ArgumentsHost): void {
    SeesBusy.seen.push(`${String((error as { code?: string }).code)} ${error instanceof WsException}`);
    // oxlint-disable-next-line promise/valid-params -- Nest's word, not a promise's
    super.catch(error as never, host);
  }
}

@WebSocketGateway()
class ChatGateway {
  constructor(
    @Inject(Section) private readonly section: Section,
    @Inject(LockService) private readonly locks: LockService,
  ) {}

  @SubscribeMessage('join')
  @Locked('room:<room>')
  async join(@MessageBody('room') _room: string, @CurrentLease() lease: Lease) {
    return { event: 'joined', data: await this.section.run(lease.name) };
  }

  @Locked('room:<message.room>', { onBusy: 'reject' })
  @SubscribeMessage('join-now')
  async joinNow(@MessageBody() message: { room: string }, @CurrentLease() lease: Lease) {
    return { event: 'joined', data: await this.section.run(lease.name) };
  }

  @SubscribeMessage('bare')
  @Locked('room:<1.room>', { onBusy: 'reject' })
  async bare(_client: unknown, _message: { room: string }) {
    return { event: 'joined', data: await this.section.run('bare') };
  }

  @SubscribeMessage('filtered')
  @UseFilters(SeesBusy)
  @Locked('room:<room>', { onBusy: 'reject' })
  async filtered(@MessageBody('room') _room: string) {
    return { event: 'joined', data: 'filtered' };
  }

  @SubscribeMessage('by-hand')
  async byHand(@MessageBody('room') room: string, @ConnectedSocket() _client: unknown) {
    return this.locks.using(`room:${room}`, () => ({ event: 'joined', data: 'by hand' }), { waitMs: 0 });
  }

  @SubscribeMessage('watch')
  @Locked('watch:<room>')
  watch(@MessageBody('room') room: string): Observable<{ event: string; data: string }> {
    return new Observable((subscriber) => {
      subscriber.next({ event: 'joined', data: room });
      return () => void this.section.names.push('torn down');
    });
  }
}

/** A client that notes what it is sent. */
interface Client {
  send(event: string, data: object): void;
  next(event: string): Promise<unknown>;
  close(): void;
}

class Inbox {
  readonly #kept: { event: string; data: unknown }[] = [];

  put(event: string, data: unknown): void {
    this.#kept.push({ event, data });
  }

  async next(event: string): Promise<unknown> {
    const find = () => this.#kept.findIndex((message) => message.event === event);
    await until(() => find() >= 0, `the event "${event}" comes; there are ${JSON.stringify(this.#kept)}`);
    return this.#kept.splice(find(), 1)[0]!.data;
  }

  get size(): number {
    return this.#kept.length;
  }
}

async function overWs({ url }: RunningApp): Promise<Client & { inbox: Inbox }> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const inbox = new Inbox();
  socket.on('message', (text: Buffer) => {
    const { event, data } = JSON.parse(text.toString()) as { event: string; data: unknown };
    inbox.put(event, data);
  });
  await once(socket, 'open');
  return {
    inbox,
    send: (event, data) => socket.send(JSON.stringify({ event, data })),
    next: (event) => inbox.next(event),
    close: () => socket.terminate(),
  };
}

async function overSocketIo({ url }: RunningApp): Promise<Client & { inbox: Inbox }> {
  const socket = io(url, { transports: ['websocket'], reconnection: false });
  const inbox = new Inbox();
  socket.onAny((event: string, data: unknown) => inbox.put(event, data));
  await new Promise<void>((resolve) => socket.on('connect', resolve));
  return {
    inbox,
    send: (event, data) => void socket.emit(event, data),
    next: (event) => inbox.next(event),
    close: () => void socket.disconnect(),
  };
}

const KINDS = [
  ['ws', WsAdapter, overWs],
  ['socket.io', IoAdapter, overSocketIo],
] as const;

describe.each(KINDS)('a gateway on %s', (_kind, Adapter, connect) => {
  const start = async () => {
    const running = await startApp({
      providers: [ChatGateway, Section],
      configure: (app) => void app.useWebSocketAdapter(new Adapter(app)),
    });
    const client = await connect(running);
    const dispose = async () => {
      client.close();
      await running.close();
    };
    return { ...running, client, section: running.get(Section), [Symbol.asyncDispose]: dispose };
  };
  const busy = {
    status: 'error',
    message: 'another request is working on this now; try again later',
    code: 'LOCK_BUSY',
    retryable: true,
    retryAfterMs: expect.any(Number),
  };

  it('handles messages for one room one after the other, under the name of the template', async () => {
    await using running = await start();
    for (let sent = 0; sent < 3; sent++) running.client.send('join', { room: '7' });
    for (let got = 0; got < 3; got++) expect(await running.client.next('joined')).toBe('room:7');
    expect([running.section.calls, running.section.most, running.locks.held()]).toEqual([3, 1, []]);
  });

  it.each(['join-now', 'bare', 'filtered', 'by-hand'])(
    'is told busy with a code and when to try again, and nobody logs an error: %s',
    async (event) => {
      await using running = await start();
      await using lease = await running.locks.acquire('room:7');
      running.client.send(event, { room: '7' });
      expect(await running.client.next('exception')).toEqual(busy);
      running.client.send('join', { room: '8' });
      await running.client.next('joined');
      expect(running.client.inbox.size).toBe(0);
      expect(running.logs.texts('error')).toEqual([]);
      expect(lease.state).toBe('held');
    },
  );

  it("is a LockBusyError and a WsException to the application's own filter", async () => {
    await using running = await start();
    await using lease = await running.locks.acquire('room:7');
    SeesBusy.seen.length = 0;
    running.client.send('filtered', { room: '7' });
    expect(await running.client.next('exception')).toEqual(busy);
    expect(SeesBusy.seen).toEqual(['LOCK_BUSY true']);
    expect(lease.state).toBe('held');
  });

  it.each([
    ['join', 'room'],
    ['join-now', 'message.room'],
    ['bare', '1.room'],
  ])('is told which value it left out: %s', async (event, value) => {
    await using running = await start();
    running.client.send(event, {});
    expect(await running.client.next('exception')).toEqual({
      status: 'error',
      message: `${value} is missing or has no usable value`,
      code: 'LOCK_TEMPLATE_UNRESOLVED',
      retryable: false,
    });
    expect(running.section.calls).toBe(0);
  });

  it('is forgotten when it leaves while it waits, and its message is not handled', async () => {
    await using running = await start();
    const lease = await running.locks.acquire('room:7');
    running.client.send('join', { room: '7' });
    running.client.send('join', { room: '7' });
    await waiting(running.locks, 'room:7', 2);
    running.client.close();
    await waiting(running.locks, 'room:7', 0);
    await lease.release();
    await running.locks.using('room:7', () => undefined);
    expect([running.section.calls, running.logs.texts('error')]).toEqual([0, []]);
  });

  it('keeps the lock of an Observable until it leaves', async () => {
    await using running = await start();
    running.client.send('watch', { room: '7' });
    expect(await running.client.next('joined')).toBe('7');
    expect(running.locks.held().map(({ name }) => name)).toEqual(['watch:7']);
    running.client.close();
    await until(() => running.locks.held().length === 0, 'the lock is given back');
    expect(running.section.names).toEqual(['torn down']);
  });
});
