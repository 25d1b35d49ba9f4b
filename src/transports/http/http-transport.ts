import { type ExecutionContext, HttpException } from '@nestjs/common';
import { LockError } from '../../../lib/index.js';
import { inFormOf } from '../failure.js';
import { ResponseWatch } from '../response-watch.js';
import type { FailedCall, Refusal, Transport } from '../transport.js';
import { problemOf } from './lock-problem.js';

const RETRY_AFTER = 'Retry-After';
/** On a response whose Retry-After is ours. */
const TOLD = Symbol('nestjs-distributed-lock:retry-after');

interface RawResponse {
  [TOLD]?: boolean;
  readonly headersSent?: boolean;
  setHeader?(name: string, value: string): unknown;
  removeHeader?(name: string): void;
}

export const httpTransport = {
  gone(context: ExecutionContext): ResponseWatch {
    const response = context.switchToHttp().getResponse<object>();
    takeBackRetryAfter(rawOf(response));
    return ResponseWatch.of(response);
  },

  /**
   * An HttpException with its status, problem and Retry-After, so that a filter of the application that knows nothing of locks answers
   * with the right status. Nobody is there to read an answer to a ClientGoneError, which is an HttpException already.
   */
  failure(error: Refusal, { context, exposeLockName }: FailedCall): Error {
    if (!(error instanceof LockError)) return error;
    const { problem, retryAfterS } = problemOf(error, exposeLockName);
    const exception = new HttpException(problem, problem.status);
    exception.message = problem.detail; // what such filters print
    if (retryAfterS !== undefined)
      tellRetryAfter(rawOf(context.switchToHttp().getResponse<object>()), retryAfterS);
    return inFormOf(exception, error);
  },
} satisfies Transport;

/** Not through the HTTP adapter, which has no word for taking a header back. */
function tellRetryAfter(raw: RawResponse, retryAfterS: number): void {
  if (raw.headersSent === true || raw.setHeader === undefined) return;
  raw.setHeader(RETRY_AFTER, String(retryAfterS));
  raw[TOLD] = true;
}

/** An interceptor outside of ours tries again: the answer may be a success now. */
function takeBackRetryAfter(raw: RawResponse): void {
  if (raw[TOLD] !== true) return;
  raw[TOLD] = false;
  if (raw.headersSent !== true) raw.removeHeader?.(RETRY_AFTER);
}

/** Fastify wraps Node's response, Express extends it. */
function rawOf(response: object): RawResponse {
  return (response as { raw?: RawResponse }).raw ?? response;
}
