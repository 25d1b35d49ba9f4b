import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { throwError } from 'rxjs';
import { LockError } from '../../../lib/index.js';
import { LOCK_REGISTRY } from '../../lock.tokens.js';
import type { LockRegistry } from '../../startup/lock.registry.js';
import { problemOf } from './lock-problem.js';
import { ClientGoneError } from './response-watch.js';

const PROBLEM_JSON = 'application/problem+json';

/**
 * Turns errors of the lock engine into answers: over HTTP problem+json with the statuses of docs/errors.md. The module registers it for
 * all HTTP routes. Nest's global filters do not reach WebSocket gateways, nor message handlers of a hybrid application: put
 * `@UseFilters(LockExceptionFilter)` there.
 */
@Catch(LockError, ClientGoneError)
export class LockExceptionFilter implements ExceptionFilter<LockError | ClientGoneError> {
  readonly #logger = new Logger('DistributedLock');

  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(LOCK_REGISTRY) private readonly settings: Pick<LockRegistry, 'exposeLockName'>,
  ) {}

  catch(error: LockError | ClientGoneError, host: ArgumentsHost): unknown {
    switch (host.getType<string>()) {
      case 'http':
        if (error instanceof LockError) this.#answer(error, host.switchToHttp().getResponse());
        return undefined; // nobody is there to read an answer to a ClientGoneError
      case 'rpc':
        return throwError(() => publicError(error));
      case 'ws':
        // Throwing here would end the process; this is what Nest's own filter does.
        host.switchToWs().getClient<Partial<Emitter>>().emit?.('exception', publicError(error));
        return undefined;
      default:
        throw error; // GraphQL and others answer with the error itself
    }
  }

  #answer(error: LockError, response: unknown): void {
    const { httpAdapter } = this.host;
    const { problem, retryAfterS } = problemOf(error, this.settings.exposeLockName);
    if (problem.status === 500) this.#logger.error(error.message, error.stack, { code: error.code });
    else if (problem.status > 500) this.#logger.warn(error.message, { code: error.code });
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

interface Emitter {
  emit(event: string, payload: object): unknown;
}

function publicError(error: LockError | ClientGoneError): object {
  if (!(error instanceof LockError)) return { status: 'error', message: error.message };
  const { detail, code, retryable } = problemOf(error, false).problem;
  return { status: 'error', message: detail, code, retryable };
}
