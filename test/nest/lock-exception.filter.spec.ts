import type { ArgumentsHost } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, type Observable } from 'rxjs';
import { LockBusyError, LockExceptionFilter } from '../../src/index.js';

/** Transports that this project does not install; the shapes are those of Nest's own base filters. */
describe('LockExceptionFilter outside of HTTP', () => {
  const filter = new LockExceptionFilter({} as HttpAdapterHost, { exposeLockName: true });
  const busy = new LockBusyError('group:7', { retryAfterMs: 1_500 });
  const host = (type: string, client?: object) =>
    ({ getType: () => type, switchToWs: () => ({ getClient: () => client }) }) as unknown as ArgumentsHost;
  const told = {
    status: 'error',
    message: 'another request is working on this now; try again later',
    code: 'LOCK_BUSY',
    retryable: true,
  };

  it('tells a WebSocket client by the event "exception"', () => {
    const emitted: unknown[] = [];
    filter.catch(busy, host('ws', { emit: (...event: unknown[]) => emitted.push(event) }));
    expect(emitted).toEqual([['exception', told]]);
  });

  it('fails the answer of a message handler', async () => {
    await expect(firstValueFrom(filter.catch(busy, host('rpc')) as Observable<unknown>)).rejects.toEqual(
      told,
    );
  });

  it('leaves the error to others elsewhere, as in GraphQL', () => {
    expect(() => filter.catch(busy, host('graphql'))).toThrow(busy);
  });
});
