import type { Hold, LockStore } from './stores/lock-store.js';

/** A store that throws instead of rejecting must not throw out of a timer, nor synchronously out of a caller's `release()`. */
export function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

/** Ends a hold for which nobody waits: what goes wrong is the store's to repeat, and a hold that it cannot end runs out. */
export function abandon(store: LockStore, hold: Hold): void {
  attempt(() => store.release(hold)).catch(() => undefined);
}
