import { LockBusyError, LockError, LockLostError, LockStoreError } from '../../../lib/index.js';
import type { TemplateValueError } from '../../template/template-value-error.js';
import { busyStatusOf } from './busy-status.js';

/** The body of an error answer: RFC 9457 with our stable `code`. */
export interface LockProblem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Stable, for programs. */
  readonly code: string;
  /** May the same request, made again later, succeed? */
  readonly retryable: boolean;
  /** Only with the module option `exposeLockName`. */
  readonly lockName?: string;
}

/** A fail-over of the store takes seconds; sooner is no use. */
const STORE_RETRY_AFTER_S = 5;

/** What a client may know: never a message of ours, which may name classes, hosts and other people's ids. */
export function problemOf(
  error: LockError,
  exposeLockName: boolean,
): { problem: LockProblem; retryAfterS: number | undefined } {
  const { status, title, detail, retryAfterS } = answerTo(error);
  const { code, retryable, lockName } = error;
  const type = `urn:nestjs-distributed-lock:${code.toLowerCase().replaceAll('_', '-')}`;
  const named = exposeLockName && lockName !== undefined ? { lockName } : {};
  return { problem: { type, title, status, detail, code, retryable, ...named }, retryAfterS };
}

interface Answer {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterS?: number;
}

function answerTo(error: LockError): Answer {
  if (error instanceof LockBusyError) {
    const retryAfterS = wholeSeconds(error.retryAfterMs);
    if (error.code === 'LOCK_QUEUE_FULL') {
      return {
        status: 429,
        title: 'Too many requests wait',
        detail: 'too many requests already wait for this; try again later',
        retryAfterS,
      };
    }
    const status = busyStatusOf(error) ?? 423;
    return {
      status,
      title: 'Resource is locked',
      detail: 'another request is working on this now; try again later',
      retryAfterS,
    };
  }
  if (error instanceof LockStoreError) {
    const detail = 'requests cannot be coordinated right now; nothing was done; try again later';
    return { status: 503, title: 'Lock store unavailable', detail, retryAfterS: STORE_RETRY_AFTER_S };
  }
  if (error instanceof LockLostError) {
    const detail =
      'the lock was lost while the request was handled; what it did may or may not have taken effect';
    return { status: 500, title: 'Lock lost', detail };
  }
  const { clientFault, placeholder } = error as Partial<TemplateValueError>; // perhaps of another copy of this package
  if (clientFault === true) {
    return {
      status: 400,
      title: 'Bad request',
      detail: `${valueOf(placeholder)} is missing or has no usable value`,
    };
  }
  return { status: 500, title: 'Internal server error', detail: 'the request could not be handled' };
}

/** `<groupId:int>` → `groupId`: what the client sent, not how we write it. */
function valueOf(placeholder: string | undefined): string {
  return placeholder === undefined ? 'a value of the request' : placeholder.replaceAll(/[<>]|\[\]|:.*/g, '');
}

/** Retry-After counts whole seconds; 0 would mean «at once» and make clients hammer. */
function wholeSeconds(ms: number): number {
  return Number.isFinite(ms) ? Math.max(1, Math.ceil(ms / 1_000)) : 1;
}
