import type { LockStoreError } from '../../lock-errors.js';

const AFTER_SILENCE_MS = 20;
const FIRST_PACE_MS = 20;
const LONGEST_PACE_MS = 500;

/** How long to wait before asking once more somebody who has refused so many times already: soon at first, and never a storm. */
export function paceMs(refusals: number): number {
  return Math.min(LONGEST_PACE_MS, FIRST_PACE_MS * 2 ** refusals);
}

/** Why a request failed: what went wrong, and whether it was perhaps executed all the same. */
export class CallFailure extends Error {
  constructor(
    readonly error: LockStoreError,
    readonly mayHaveRun: boolean,
  ) {
    super(error.message, { cause: error });
  }
}

/** What became of one request so far: it may be tried again until its time is over. */
export class Tries {
  /** A copy got no reply, and may have been executed. */
  mayHaveRun = false;
  /** What to say when it is given up: the last refusal, which says more than the silence of the moment that was left for a last try. */
  error: unknown;
  #refusals = 0;

  /** @param endsAtMs by the time of the connection's bounds; Infinity until it is first sent */
  constructor(public endsAtMs = Infinity) {}

  /**
   * Another try failed: the server refused, so that nothing was executed, or nobody knows. Returns how long to wait before the next
   * one, in ms.
   */
  failed(error: unknown, isRefusal: boolean): number {
    if (isRefusal || this.#refusals === 0) this.error = error;
    if (isRefusal) return paceMs(this.#refusals++);
    this.mayHaveRun = true;
    return AFTER_SILENCE_MS;
  }
}
