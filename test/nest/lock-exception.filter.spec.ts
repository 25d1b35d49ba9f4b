import { inspect } from 'node:util';
import type { ArgumentsHost } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { describe, expect, it } from '@jest/globals';
import { firstValueFrom, type Observable } from 'rxjs';
import { LockBusyError, LockExceptionFilter } from '../../src/index.js';
import { failureOf } from '../support/failure-of.js';

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
    retryAfterMs: 1_500,
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

  it('answers a native WebSocket by a message, since emit would stay in this process', () => {
    const sent: string[] = [];
    filter.catch(
      busy,
      host('ws', { readyState: 1, send: (text: string) => sent.push(text), emit: () => true }),
    );
    expect(sent.map((text) => JSON.parse(text) as unknown)).toEqual([{ event: 'exception', data: told }]);
  });

  it('throws an error without the name in GraphQL, which shows clients the message and the extensions', async () => {
    const thrown = await failureOf(new Promise((resolve) => resolve(filter.catch(busy, host('graphql')))));
    const { message, code, retryable, retryAfterMs } = told;
    expect(thrown).toMatchObject({ message, extensions: { code, retryable, retryAfterMs }, cause: busy });
    expect(inspect(Object.entries(thrown))).not.toContain('group:7');
  });

  it('leaves the error as it is where nobody knows the transport', () => {
    expect(() => filter.catch(busy, host('telegraf'))).toThrow(busy);
  });
});
