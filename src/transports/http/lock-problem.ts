import { LockBusyError, type LockError } from '../../../lib/index.js';
import { publicAnswerTo } from '../public-answer.js';
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

/** What a client may know: never a message of ours, which may name classes, hosts and other people's ids. */
export function problemOf(
  error: LockError,
  exposeLockName: boolean,
): { problem: LockProblem; retryAfterS: number | undefined } {
  const { status: usual, title, detail, retryAfterMs } = publicAnswerTo(error);
  const wanted =
    error instanceof LockBusyError && error.code === 'LOCK_BUSY' ? busyStatusOf(error) : undefined;
  const { code, retryable, lockName } = error;
  const type = `urn:nestjs-distributed-lock:${code.toLowerCase().replaceAll('_', '-')}`;
  const named = exposeLockName && lockName !== undefined ? { lockName } : {};
  return {
    problem: { type, title, status: wanted ?? usual, detail, code, retryable, ...named },
    retryAfterS: retryAfterMs === undefined ? undefined : wholeSeconds(retryAfterMs),
  };
}

/** Retry-After counts whole seconds; 0 would mean «at once» and make clients hammer. */
function wholeSeconds(ms: number): number {
  return Number.isFinite(ms) ? Math.max(1, Math.ceil(ms / 1_000)) : 1;
}
