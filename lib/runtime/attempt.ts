import type { Hold, LockStore } from '../stores/lock-store.js';
import { isThenable } from './thenable.js';
import { textOf } from './thrown.js';

/**
 * A store that throws instead of rejecting, or forgets to return a promise, must not throw out of a timer, nor synchronously out of a
 * caller's `release()`.
 */
export function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(work()); // a promise stays as it is
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

/** Ends a hold for which nobody waits: what goes wrong is the store's to repeat, and a hold that it cannot end runs out. */
export function abandon(store: LockStore, hold: Hold): void {
  attempt(() => store.release(hold)).catch(() => undefined);
}

/** Goes on without the answer to something that nobody waits for: what goes wrong is the store's to repeat. */
export function unattended(answer: unknown): void {
  if (isThenable(answer)) answer.then(undefined, () => undefined);
}

/** A step of closing, which goes on whatever a store does: what went wrong is told. */
export function closeStore(step: () => Promise<void>, tell: (message: string) => void): Promise<void> {
  return attempt(step).catch((error: unknown) => tell(`closing the store failed: ${textOf(error)}`));
}
