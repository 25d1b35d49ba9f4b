import { describeValue, LockBusyError, LockStoreError, queueFullError } from '../lock-errors.js';
import type { AcquireSettings } from '../acquire-options.js';
import type { Busy, Full, WaitingNews } from '../stores/lock-store.js';

/** What the store last said to those of one name who wait, and when: the reason given to whoever gives up. */
export class WaitReport {
  #news: WaitingNews | undefined;
  #newsAtMs = 0;
  #askedAtMs = 0;

  /** All times are monotonic. */
  asked(nowMs: number): void {
    this.#news = undefined;
    this.#askedAtMs = nowMs;
  }

  heard(news: WaitingNews, nowMs: number): void {
    this.#news = news;
    this.#newsAtMs = nowMs;
  }

  /** Has the store said nothing at all since it was asked? */
  get isSilent(): boolean {
    return this.#news === undefined;
  }

  /** How long the holder's lease still runs, as far as we heard, in ms. */
  retryAfterMs(nowMs: number): number {
    return Math.max(0, (this.#news?.retryAfterMs ?? 0) - (nowMs - this.#newsAtMs));
  }

  /** Why a wait ended without a grant. */
  tooLate(name: string, { waitMs }: AcquireSettings, nowMs: number): Error {
    if (this.#news?.error !== undefined) return this.#news.error;
    // Nobody said that the lock is held: for most of this wait the store has said nothing.
    if (this.#news === undefined && nowMs - this.#askedAtMs > waitMs / 2) return silent(name, waitMs);
    const message = `lock "${name}" is held by someone else; gave up after waiting ${waitMs} ms`;
    return new LockBusyError(name, { message, retryAfterMs: this.retryAfterMs(nowMs) });
  }
}

/** Why the store did not grant to one who waits. */
export function refusalOf(
  name: string,
  answer: Busy | Full,
  { maxWaitingProcesses }: AcquireSettings,
): Error {
  if (answer?.outcome !== 'full') {
    const message = `the store answered ${describeValue(answer?.outcome)} to one who waits for lock "${name}"; only «granted» and «full» are answers to that`;
    return new LockStoreError('LOCK_STORE_UNSUPPORTED', message, { lockName: name });
  }
  return queueFullError(name, `${maxWaitingProcesses} processes`, answer.retryAfterMs);
}

export function tooSlow(name: string): LockStoreError {
  const message = `the store's reply for lock "${name}" came later than the lease it granted`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: name });
}

function silent(name: string, waitMs: number): LockStoreError {
  const message = `the store did not answer for lock "${name}" within the ${waitMs} ms that the caller waits`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: name });
}
