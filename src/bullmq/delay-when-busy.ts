import { DelayedError } from 'bullmq';
import { describeValue, LockBusyError, LockUsageError } from '../../lib/index.js';

/** What we need of a job of BullMQ. */
export interface DelayableJob {
  moveToDelayed(timestamp: number, token?: string): Promise<void>;
}

export interface DelayWhenBusyOptions {
  /**
   * How long the job is put off at most, in ms; at least 1; default 5 000. It is put off for `retryAfterMs` of the error, how long the
   * present holder's lease still runs; but the holder may be done much sooner.
   */
  maxDelayMs?: number;
}

const SHORTEST_MS = 50;
const OPTIONS: readonly string[] = ['maxDelayMs'];

/**
 * For the processor of a BullMQ job: a busy lock puts the job off, and uses up no attempt. Every other error is thrown on.
 *
 * ```ts
 * process = (job: Job, token?: string) => this.charge(job.data.account).catch(delayWhenBusy(job, token));
 * ```
 *
 * @param token the second argument of the processor: it proves that this worker has the job
 * @returns a handler for `catch`. It throws BullMQ's DelayedError, which tells the worker that the job was put off
 * @throws LockUsageError LOCK_OPTIONS_INVALID for what is no job, without a token, and for a wrong option
 */
export function delayWhenBusy(
  job: DelayableJob,
  token: string | undefined,
  options: DelayWhenBusyOptions = {},
): (error: unknown) => Promise<never> {
  const { maxDelayMs = 5_000 } = checked(job, token, options);
  return async (error) => {
    if (!(error instanceof LockBusyError)) throw error;
    const delayMs = Math.min(maxDelayMs, Math.max(SHORTEST_MS, Math.ceil(error.retryAfterMs)));
    await job.moveToDelayed(Date.now() + delayMs, token);
    throw new DelayedError(error.message);
  };
}

function checked(job: unknown, token: unknown, options: DelayWhenBusyOptions): DelayWhenBusyOptions {
  const wrong = (problem: string) => new LockUsageError('LOCK_OPTIONS_INVALID', `delayWhenBusy: ${problem}`);
  if (typeof (job as Partial<DelayableJob> | null | undefined)?.moveToDelayed !== 'function')
    throw wrong(`the first argument must be the job that the processor was given, got ${describeValue(job)}`);
  if (typeof token !== 'string' || token === '')
    throw wrong(
      `the second argument must be the token, which the processor gets as its second, got ${describeValue(token)}`,
    );
  const unknown = Object.keys(options).find((key) => !OPTIONS.includes(key));
  if (unknown !== undefined)
    throw wrong(`option "${unknown}" is not known here; known: ${OPTIONS.join(', ')}`);
  const { maxDelayMs } = options;
  if (maxDelayMs !== undefined && !(Number.isFinite(maxDelayMs) && maxDelayMs >= 1))
    throw wrong(`maxDelayMs must be a number of ms from 1, got ${describeValue(maxDelayMs)}`);
  return options;
}
