import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { StaleWriteError } from '../state/state.js';
import { type ProblemBody, problemBody } from './problem.js';

/**
 * Every refusal of this app as `application/problem+json`. Errors of the locks themselves (423, 429, 503, …) are not caught
 * here: the lock module answers those in the same form.
 */
@Catch(HttpException, StaleWriteError)
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly http: AbstractHttpAdapter) {}

  catch(error: HttpException | StaleWriteError, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<unknown>();
    const body = error instanceof StaleWriteError ? staleWrite(error) : problemOf(error);
    this.http.setHeader(response, 'Content-Type', 'application/problem+json; charset=utf-8');
    this.http.reply(response, body, body.status);
  }
}

function staleWrite(error: StaleWriteError): ProblemBody {
  const { resource, fencingToken, newestToken } = error;
  return { ...problemBody(409, 'STALE_WRITE', error.message), resource, fencingToken, newestToken };
}

function problemOf(error: HttpException): ProblemBody {
  const body = error.getResponse();
  if (typeof body === 'object' && 'code' in body && 'status' in body) return body as ProblemBody;
  const status = error.getStatus();
  return problemBody(status, status === 404 ? 'NOT_FOUND' : 'REQUEST_REFUSED', error.message);
}
