import 'reflect-metadata';
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  Get,
  HttpException,
  Inject,
  Injectable,
  Module,
  type NestInterceptor,
  Param,
  UseGuards,
} from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { LockBusyError, Locked, LockService } from 'nestjs-distributed-lock';
import { catchError, from, type Observable, switchMap } from 'rxjs';

import { ADAPTERS, type AppParts, Section, startApp, waiting } from '../support/application.js';

/** What half of all applications have: it knows HttpException and nothing else. */
@Catch()
class CatchAll implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const known = error instanceof HttpException;
    const body = {
      mine: true,
      message: known ? error.message : 'oops',
      body: known ? error.getResponse() : null,
    };
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), body, known ? error.getStatus() : 500);
  }
}

/** As Sentry's: reports, then leaves the answer to Nest. */
@Catch()
class Reporting extends BaseExceptionFilter {
  override catch(error: unknown, host: ArgumentsHost): void {
    // oxlint-disable-next-line promise/valid-params -- Nest's word, not a promise's
    super.catch(error, host);
  }
}

@Catch(LockBusyError)
class BusyFilter implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: LockBusyError, host: ArgumentsHost): void {
    const body = { code: error.code, after: error.retryAfterMs > 0, name: error.lockName };
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), body, 409);
  }
}

@Injectable()
class LockedGuard implements CanActivate {
  @Locked('guarded', { onBusy: 'reject' })
  async canActivate(): Promise<boolean> {
    return true;
  }
}

@Injectable()
class FreesAndTriesAgain implements NestInterceptor {
  constructor(@Inject(LockService) private readonly locks: LockService) {}

  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const free = () => from(this.locks.forceRelease('group:again', 'a test'));
    return next.handle().pipe(catchError(() => free().pipe(switchMap(() => next.handle()))));
  }
}

@Controller()
class GroupsController {
  constructor(
    @Inject(LockService) private readonly locks: LockService,
    @Inject(Section) readonly section: Section,
  ) {}

  @Get('groups/:id')
  @Locked('group:<id>', { onBusy: 'reject' })
  async now(@Param('id') id: string): Promise<string> {
    return this.section.run(id);
  }

  @Get('patient/:id')
  @Locked('group:<id>')
  async patient(@Param('id') id: string): Promise<string> {
    return this.section.run(id);
  }

  @Get('late/:id')
  @Locked('group:<id>', { onBusy: 'reject', phase: 'handler', busyStatus: 409 })
  async late(@Param('id') id: string): Promise<string> {
    return this.section.run(id);
  }

  @Get('by-hand/:id')
  async byHand(@Param('id') id: string): Promise<string> {
    return this.locks.using(`group:${id}`, () => id, { waitMs: 0 });
  }

  @Get('missing')
  @Locked('group:<query.id>')
  async missing(): Promise<void> {}

  @Get('guarded')
  @UseGuards(LockedGuard)
  guarded(): string {
    return 'passed';
  }
}

const providers = [Section, LockedGuard];
const controllers = [GroupsController];

@Module({ providers: [{ provide: APP_FILTER, useClass: CatchAll }] })
class FilterModule {}

const PLACES: readonly (readonly [string, AppParts])[] = [
  [
    'with useGlobalFilters',
    { configure: (app) => void app.useGlobalFilters(new CatchAll(app.get(HttpAdapterHost))) },
  ],
  ['with APP_FILTER in a module that is imported after ours', { imports: [FilterModule] }],
];

describe.each(ADAPTERS)('a lock error over HTTP on %s', (adapter) => {
  const start = (parts: AppParts = {}) =>
    startApp({ adapter, controllers, ...parts, providers: [...providers, ...(parts.providers ?? [])] });

  describe.each(PLACES)('for a catch-all filter %s', (_where, parts) => {
    it.each([
      ['groups/7', 423],
      ['late/7', 409],
      ['by-hand/7', 423],
    ])('keeps its status and Retry-After, and shows no name: %s', async (path, status) => {
      await using running = await start(parts);
      await using lease = await running.locks.acquire('group:7');
      const answer = await fetch(`${running.url}/${path}`);
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, '30']);
      const text = await answer.text();
      expect(JSON.parse(text)).toMatchObject({
        mine: true,
        message: 'another request is working on this now; try again later',
        body: { code: 'LOCK_BUSY', retryable: true, status },
      });
      expect(text).not.toContain('group:7');
      expect(lease.state).toBe('held');
    });

    it('is named in a warning when the application starts', async () => {
      await using running = await start(parts);
      const warned = running.logs.texts('warn').filter((text) => text.includes('global filter'));
      expect(warned).toHaveLength(1);
      expect(warned[0]).toContain('the global filter CatchAll catches every error before the one of');
    });

    it('is 400 for a value that the client left out', async () => {
      await using running = await start(parts);
      const answer = await fetch(`${running.url}/missing`);
      expect(answer.status).toBe(400);
      expect(await answer.text()).toContain('query.id is missing or has no usable value');
    });
  });

  it('is problem+json where a catch-all of the root module comes before ours', async () => {
    await using running = await start({ providers: [{ provide: APP_FILTER, useClass: CatchAll }] });
    await using lease = await running.locks.acquire('group:7');
    const answer = await fetch(`${running.url}/groups/7`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([423, '30']);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({ code: 'LOCK_BUSY' });
    expect(lease.state).toBe('held');
  });

  it('keeps status, Retry-After and problem for a filter that extends BaseExceptionFilter', async () => {
    await using running = await start({
      configure: (app) => void app.useGlobalFilters(new Reporting(app.getHttpAdapter())),
    });
    await using lease = await running.locks.acquire('group:7');
    const answer = await fetch(`${running.url}/groups/7`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([423, '30']);
    expect(await answer.json()).toMatchObject({ code: 'LOCK_BUSY', status: 423 });
    expect(lease.state).toBe('held');
  });

  it('is still a LockBusyError with its fields to filters that ask for one', async () => {
    await using running = await start({
      configure: (app) => void app.useGlobalFilters(new BusyFilter(app.get(HttpAdapterHost))),
    });
    await using lease = await running.locks.acquire('group:7');
    const answer = await fetch(`${running.url}/groups/7`);
    expect([answer.status, await answer.json()]).toEqual([
      409,
      { code: 'LOCK_BUSY', after: true, name: 'group:7' },
    ]);
    expect(lease.state).toBe('held');
  });

  it.each<readonly [string, AppParts]>([
    ['none', {}],
    ['one of the root module', { providers: [{ provide: APP_FILTER, useClass: CatchAll }] }],
    [
      'one that extends BaseExceptionFilter',
      { configure: (app) => void app.useGlobalFilters(new Reporting(app.getHttpAdapter())) },
    ],
    [
      'one for one error',
      { configure: (app) => void app.useGlobalFilters(new BusyFilter(app.get(HttpAdapterHost))) },
    ],
  ])('starts without a warning about filters with %s', async (_which, parts) => {
    await using running = await start(parts);
    expect(running.logs.texts('warn').filter((text) => text.includes('filter'))).toEqual([]);
  });

  it('of a guard is answered by our filter', async () => {
    await using running = await start();
    expect((await fetch(`${running.url}/guarded`)).status).toBe(200);
    await using lease = await running.locks.acquire('guarded');
    const answer = await fetch(`${running.url}/guarded`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([423, '30']);
    expect(lease.state).toBe('held');
  });

  it('leaves no Retry-After on the answer of a second try that succeeds', async () => {
    const outside = { provide: APP_INTERCEPTOR, useClass: FreesAndTriesAgain }; // of the root module: before ours
    await using running = await start({ providers: [outside] });
    await running.locks.acquire('group:again');
    const answer = await fetch(`${running.url}/groups/again`);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([200, null]);
  });

  it('lets concurrent requests run one after the other, and forgets a client that left while it waited', async () => {
    await using running = await start();
    const get = (signal?: AbortSignal) =>
      fetch(`${running.url}/patient/7`, signal === undefined ? {} : { signal });
    await Promise.all([get(), get(), get()]);
    const section = running.get(Section);
    expect([section.calls, section.most, section.names]).toEqual([3, 1, ['7', '7', '7']]);
    const lease = await running.locks.acquire('group:7');
    const leaving = new AbortController();
    const left = get(leaving.signal).catch((error: Error) => error.name);
    await waiting(running.locks, 'group:7', 1);
    leaving.abort();
    await waiting(running.locks, 'group:7', 0);
    await lease.release();
    expect([await left, section.calls, running.logs.texts('error')]).toEqual(['AbortError', 3, []]);
  });
});
