import type { StopSignal } from './stores/lock-store.js';

/**
 * Ends one wait, in a store or for a lock (`AcquireOptions.signal`). What an AbortController does, for one listener at a time and at a
 * hundredth of its cost (it is an EventTarget with a registry behind it; one is needed for every acquisition).
 */
export class Stop implements StopSignal {
  aborted = false;
  reason: unknown;
  #listener: (() => void) | undefined;

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#listener?.();
  }

  /** Holds one listener: whoever waits now. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined;
  }
}
