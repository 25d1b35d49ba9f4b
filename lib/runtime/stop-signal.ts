import { setMaxListeners } from 'node:events';
import type { StopSignal } from '../stores/lock-store.js';
import { warnOfThrown } from './thrown.js';

/**
 * Ends waits, in a store or for a lock (`AcquireOptions.signal`). What an AbortController does, at a hundredth of its cost (it is an
 * EventTarget with a registry behind it; one is needed for every acquisition), for any number of listeners, none of which can throw
 * into whoever aborts.
 */
export class Stop implements StopSignal {
  reason: unknown;
  #aborted = false;
  /** Nearly always there is one. */
  #listener: (() => void) | undefined;
  #others: Set<() => void> | undefined;

  /** Not `instanceof`: a Proxy in front of one says that it is one, and does not work. @internal */
  static isOne(value: unknown): value is Stop {
    return typeof value === 'object' && value !== null && #aborted in value;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Does nobody listen? @internal */
  get isUnheard(): boolean {
    return this.#listener === undefined && (this.#others?.size ?? 0) === 0;
  }

  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.reason = reason;
    if (this.#listener !== undefined) tell(this.#listener);
    for (const listener of this.#others ?? []) tell(listener);
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

function tell(listener: () => void): void {
  try {
    listener();
  } catch (error) {
    warnOfThrown('a listener of an aborted wait', error);
  }
}

/** A signal of ours for a caller, who may give it to as many as there is work to do: more than ten are no leak. */
export function newAbort(reason: unknown): AbortController {
  const controller = new AbortController();
  setMaxListeners(Infinity, controller.signal); // not 0: getMaxListeners throws for it, and fetch asks
  if (reason !== undefined) controller.abort(reason);
  return controller;
}
