import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockError } from '../../lib/index.js';
import { LOCK_REGISTRY } from '../lock.tokens.js';
import type { LockRegistry } from '../startup/lock.registry.js';
import { ClientGoneError } from './client-gone.js';
import { originalOf } from './failure.js';
import { graphqlTransport } from './graphql/graphql-transport.js';
import { problemOf } from './http/lock-problem.js';
import { logRefusal } from './log-refusal.js';
import { rpcPayload } from './rpc/rpc-transport.js';
import type { Refusal } from './transport.js';
import { sendFailure } from './ws/ws-transport.js';

const PROBLEM_JSON = 'application/problem+json';

/**
 * Turns errors of the lock engine into answers: over HTTP problem+json with the statuses of docs/errors.md. The module registers it for
 * the whole application. The interceptor has put errors of handlers into the form of their transport before; errors of guards and
 * middleware come here as they are. Nest's global filters do not reach WebSocket gateways, nor message handlers of a hybrid application:
 * put `@UseFilters(LockExceptionFilter)` on those whose guards use locks.
 */
@Catch(LockError, ClientGoneError)
export class LockExceptionFilter implements ExceptionFilter<LockError | ClientGoneError> {
  readonly #logger = new Logger('DistributedLock');

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(LOCK_REGISTRY) private readonly settings: Pick<LockRegistry, 'exposeLockName'>,
  ) {}

  catch(error: LockError | ClientGoneError, host: ArgumentsHost): unknown {
    const original = originalOf(error);
    if (original === error) logRefusal(this.#logger, error);
    switch (host.getType<string>()) {
      case 'http':
        // Nobody is there to read an answer to a ClientGoneError.
        if (original instanceof LockError) this.#answer(original, host.switchToHttp().getResponse());
        return undefined;
      case 'rpc':
        return throwError(() => rpcPayload(original));
      case 'ws':
        // Throwing here would end the process.
        sendFailure(host.switchToWs().getClient<object>(), original);
        return undefined;
      case 'graphql':
        throw original === error ? graphqlTransport.failure(error as Refusal) : error;
      default:
        throw error;
    }
  }

  #answer(error: LockError, response: unknown): void {
    const { httpAdapter } = this.host;
    const { problem, retryAfterS } = problemOf(error, this.settings.exposeLockName);
    if (httpAdapter.isHeadersSent(response)) {
      httpAdapter.end(response); // too late for a status: a broken-off body is the only sign left
      return;
    }
    httpAdapter.setHeader(response, 'Content-Type', PROBLEM_JSON);
    if (retryAfterS !== undefined) httpAdapter.setHeader(response, 'Retry-After', String(retryAfterS));
    // As text: Express and Fastify then keep our content type.
    httpAdapter.reply(response, JSON.stringify(problem), problem.status);
  }
}
