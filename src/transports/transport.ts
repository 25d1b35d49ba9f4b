import type { ExecutionContext } from '@nestjs/common';
import { LockError, type Stop } from '../../lib/index.js';
import { ClientGoneError } from './client-gone.js';

/** What a transport has of its own. One folder each; the table is `transports.ts`. */
export interface Transport {
  /** Watches whoever called; undefined where this transport cannot tell that somebody went away. */
  gone(context: ExecutionContext): CallerWatch | undefined;
  /** The error in the form that Nest's own filters of this transport know (see `inFormOf`). */
  failure(error: Refusal, call: FailedCall): Error | Promise<Error>;
}

/** What a call ends with when we, and not its handler, refuse it. */
export type Refusal = LockError | ClientGoneError;

export function isRefusal(error: unknown): error is Refusal {
  return error instanceof LockError || error instanceof ClientGoneError;
}

export interface FailedCall {
  readonly context: ExecutionContext;
  readonly exposeLockName: boolean;
}

/** Whoever called, for as long as the call runs. */
export interface CallerWatch {
  /** For one wait: aborts when the caller goes away before it has its answer. */
  endOfWait(): Stop;
  /** The wait is over; absent where what is watched lives no longer than the call. */
  end?(): void;
}
