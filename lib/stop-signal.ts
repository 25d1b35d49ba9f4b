import type { StopSignal } from './stores/lock-store.js';

/**
 * Ends waits, in a store or for a lock (`AcquireOptions.signal`). What an AbortController does, at a hundredth of its cost (it is an
 * EventTarget with a registry behind it; one is needed for every acquisition).
 */
export class Stop implements StopSignal {
  aborted = false;
  reason: unknown;
  /** Nearly always there is one. */
  #listener: (() => void) | undefined;
  #others: Set<() => void> | undefined;

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#listener?.();
    for (const listener of this.#others ?? []) listener();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === undefined) this.#listener = listener;
    else (this.#others ??= new Set()).add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = undefined;
    else this.#others?.delete(listener);
  }
}
