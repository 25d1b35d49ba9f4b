import { LockBusyError, LockError, LockLostError, LockStoreError } from '../../lib/index.js';
import type { TemplateValueError } from '../template/template-value-error.js';
import type { Refusal } from './transport.js';

/** A fail-over of the store takes seconds; sooner is no use. */
const STORE_RETRY_AFTER_MS = 5_000;

/** What anybody may know of an error: never a message of ours, which may name classes, hosts and other people's ids. */
export interface PublicAnswer {
  /** In numbers of HTTP, which every reader knows; other transports do not send it. */
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  /** Absent: trying again is no use. */
  readonly retryAfterMs?: number;
}

export function publicAnswerTo(error: LockError): PublicAnswer {
  if (error instanceof LockBusyError) {
    const { retryAfterMs } = error;
    if (error.code === 'LOCK_QUEUE_FULL') {
      const detail = 'too many requests already wait for this; try again later';
      return { status: 429, title: 'Too many requests wait', detail, retryAfterMs };
    }
    const detail = 'another request is working on this now; try again later';
    return { status: 423, title: 'Resource is locked', detail, retryAfterMs };
  }
  if (error instanceof LockStoreError) {
    const detail = 'requests cannot be coordinated right now; nothing was done; try again later';
    return { status: 503, title: 'Lock store unavailable', detail, retryAfterMs: STORE_RETRY_AFTER_MS };
  }
  if (error instanceof LockLostError) {
    const detail =
      'the lock was lost while the request was handled; what it did may or may not have taken effect';
    return { status: 500, title: 'Lock lost', detail };
  }
  const { clientFault, placeholder } = error as Partial<TemplateValueError>; // perhaps of another copy of this package
  if (clientFault === true) {
    const detail = `${valueOf(placeholder)} is missing or has no usable value`;
    return { status: 400, title: 'Bad request', detail };
  }
  return { status: 500, title: 'Internal server error', detail: 'the request could not be handled' };
}

/** `<groupId:int>` → `groupId`: what the client sent, not how we write it. */
function valueOf(placeholder: string | undefined): string {
  return placeholder === undefined ? 'a value of the request' : placeholder.replaceAll(/[<>]|\[\]|:.*/g, '');
}

/** The error as clients get it where there are no HTTP headers. */
export interface LockFailure {
  /** For people. */
  readonly message: string;
  /** Stable, for programs. */
  readonly code: string;
  /** May the same call, made again later, succeed? */
  readonly retryable: boolean;
  /** When to try again, in ms; absent: trying again soon is no use, or nobody knows. */
  readonly retryAfterMs?: number;
}

export function failurePayload(error: Refusal): LockFailure {
  if (!(error instanceof LockError)) return { message: error.message, code: 'CLIENT_GONE', retryable: false };
  const { code, retryable } = error;
  const { detail, retryAfterMs } = publicAnswerTo(error);
  // An endless lease has no JSON.
  const retry = Number.isFinite(retryAfterMs) ? { retryAfterMs: Math.ceil(retryAfterMs as number) } : {};
  return { message: detail, code, retryable, ...retry };
}
