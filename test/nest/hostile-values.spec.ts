import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  type CallHandler,
  Controller,
  type ExecutionContext,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  Res,
} from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { describe, expect, it, jest } from '@jest/globals';
import { type Observable, retry } from 'rxjs';
import { Locked, LockService } from '../../src/index.js';
import { ResponseWatch } from '../../src/transports/response-watch.js';
import { until } from './support/gate.js';
import { ADAPTERS, memoryLocks, startApp } from './support/start-app.js';

function throws(): never {
  throw new Error('do not look at me');
}

/** As a strict mock or a lazy record does: only what it knows may be asked for. */
const strict = (...known: string[]) =>
  new Proxy(
    {},
    {
      get: (_, key) => (known.includes(String(key)) ? undefined : throws()),
      has: throws,
    },
  );
const cannotBeAwaited = () => new Proxy({}, { get: (_, key) => (key === 'then' ? throws() : undefined) });
const deafStream = () => Object.assign(new PassThrough(), { once: throws });
async function* twoSteps() {
  yield 1;
  yield 2;
}

const RESULTS: Record<string, () => unknown> = {
  'a Proxy that throws for what it does not know': () => strict('then'),
  'a Proxy that throws for everything': () => strict(),
  'an object whose `then` throws': cannotBeAwaited,
  'an object whose `subscribe` throws': () => Object.defineProperty({}, 'subscribe', { get: throws }),
  'a stream that cannot be listened to': deafStream,
  'a generator that is frozen': () => Object.freeze(twoSteps()),
};

@Injectable()
class Records {
  readonly shared = new PassThrough();

  @Locked('record:<kind>')
  async read(kind: string): Promise<unknown> {
    return RESULTS[kind]!();
  }

  @Locked('shared:<0>')
  async stream(_id: number): Promise<PassThrough> {
    return this.shared;
  }
}

@Controller('records')
class RecordsController {
  tries = 0;
  listeners: number[] = [];

  @Get('flaky/:id')
  @Locked('record:<id>')
  flaky(@Param('id') _id: string, @Res({ passthrough: true }) response: { raw?: EventEmitter }) {
    this.listeners.push((response.raw ?? (response as EventEmitter)).listenerCount('close'));
    if (++this.tries < 16) throw new Error('try again');
    return { tries: this.tries };
  }

  @Get(':kind')
  @Locked('record:<kind>')
  read(@Param('kind') kind: string): unknown {
    return RESULTS[kind]!();
  }
}

class TryingAgain implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(retry(20));
  }
}

@Module({ providers: [{ provide: APP_INTERCEPTOR, useClass: TryingAgain }] })
class Outside {}

const start = (adapter: (typeof ADAPTERS)[number], configure?: (app: INestApplication) => void) =>
  startApp({
    adapter,
    controllers: [RecordsController],
    providers: [Records],
    ...(configure === undefined ? {} : { configure }),
  });

describe('a locked service method that returns', () => {
  it.each(Object.keys(RESULTS))('%s: gives it to its caller and its lock back', async (kind) => {
    await using running = await start('express');
    const locks = running.app.get(LockService);
    await running.app
      .get(Records)
      .read(kind)
      .catch((error: unknown) => error);
    expect(locks.held()).toEqual([]);
    expect(await locks.isLocked(`record:${encodeURIComponent(kind)}`)).toBe(false);
  });

  it('one and the same stream, many times: listens to it once', async () => {
    await using running = await start('express');
    const [records, locks] = [running.app.get(Records), running.app.get(LockService)];
    const before = records.shared.listenerCount('close');
    await Promise.all(Array.from({ length: 20 }, (_, id) => records.stream(id)));
    expect(records.shared.listenerCount('close')).toBe(before + 1);
    expect(locks.held()).toHaveLength(20);
    records.shared.destroy();
    await until(() => locks.held().length === 0, 'the lock is given back');
  });
});

describe.each(ADAPTERS)('over HTTP on %s, a locked handler', (adapter) => {
  it.each(Object.keys(RESULTS))(
    'that returns %s has given its lock back when it is answered',
    async (kind) => {
      await using running = await start(adapter);
      const locks = running.app.get(LockService);
      const url = `${running.url}/records/${encodeURIComponent(kind)}`;
      const leaving = new AbortController();
      const answer = fetch(url, { signal: leaving.signal }).catch(() => undefined);
      // A stream that nobody can read to its end is never answered: its client goes away.
      if (kind.includes('stream') || kind.includes('Proxy')) setTimeout(() => leaving.abort(), 100);
      await answer;
      await until(() => locks.held().length === 0, 'the lock is given back');
      expect(await locks.isLocked(`record:${encodeURIComponent(kind)}`)).toBe(false);
    },
  );

  it('that an interceptor round ours tries sixteen times listens to its response once', async () => {
    await using running = await startApp({
      adapter,
      controllers: [RecordsController],
      imports: [Outside, memoryLocks()],
    });
    const answer = await fetch(`${running.url}/records/flaky/1`);
    expect(await answer.json()).toEqual({ tries: 16 });
    const { listeners } = running.app.get(RecordsController);
    expect(new Set(listeners).size).toBe(1);
  });

  it('whose response cannot be listened to fails, and nothing is locked', async () => {
    await using running = await start(adapter, (app) => {
      const deaf = (_request: unknown, response: { once: unknown }, next: () => void) => {
        const once = (response.once as (...args: unknown[]) => unknown).bind(response);
        response.once = (event: string, listener: { name: string }) =>
          event === 'close' && listener.name === '' ? throws() : once(event, listener);
        next();
      };
      if (adapter === 'express') app.use(deaf);
      else
        (app.getHttpAdapter().getInstance() as { addHook(name: string, hook: unknown): void }).addHook(
          'onRequest',
          (request: unknown, reply: { raw: { once: unknown } }, done: () => void) =>
            deaf(request, reply.raw, done),
        );
    });
    const { status } = await fetch(`${running.url}/records/flaky/1`);
    expect([status, running.app.get(LockService).held()]).toEqual([500, []]);
  });
});

describe('the end of a response', () => {
  it('is told to everybody, although one of them throws', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const response = new EventEmitter();
    const heard: string[] = [];
    ResponseWatch.of(response).onClose(throws);
    ResponseWatch.of(response).onClose(() => heard.push('the lock is given back'));
    expect(response.emit('close')).toBe(true);
    expect(heard).toEqual(['the lock is given back']);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });
});
