import type { LockError, LockLostError, LockStoreError, LossCause } from './lock-errors.js';
import type { AccessMode } from './stores/lock-store.js';
import { isThenable } from './runtime/thenable.js';
import { warnOfThrown } from './runtime/thrown.js';

/** What every event about a lease tells. */
export interface LeaseEvent {
  readonly name: string;
  readonly label: string;
  /** 'intention-…': of a name above the one that was asked for (layers). `acquired` and `released` tell of those that were asked for only. */
  readonly mode: AccessMode;
  readonly fencingToken: number;
}

/**
 * Why a call ended without a lease: `busy` somebody else has the lock · `full` too many wait for it · `aborted` by the caller's signal ·
 * `store-error` the store failed or refused · `closed` this process is leaving · `skipped` somebody else has it, and the caller leaves
 * its work out then.
 */
export type RefusalReason = 'busy' | 'full' | 'aborted' | 'store-error' | 'closed' | 'skipped';

/** A call ended without a lease. */
export interface RefusedEvent {
  /** Of several names the one that could not be had, as far as one is known; else the first. */
  readonly name: string;
  /** All that were asked for. */
  readonly names: readonly string[];
  readonly label: string;
  /** What the names were made from (`AcquireOptions.template`); undefined: the caller did not say. */
  readonly template: string | undefined;
  readonly mode: AccessMode;
  readonly reason: RefusalReason;
  /** From the call to its end, in ms. */
  readonly waitedMs: number;
}

/** What `locks.on(…)` can listen to. No event carries an owner token. */
export interface LockEvents {
  /** A caller must wait: somebody else has the lock. */
  waiting: { readonly name: string; readonly label: string; readonly mode: AccessMode };
  /**
   * A call ended without a lease: once for each, also when it returned null (`tryAcquire`) or asked for several names. Not for a call that
   * is wrong (LockUsageError, options that the store does not have).
   */
  refused: RefusedEvent;
  acquired: LeaseEvent & { readonly waitedMs: number };
  released: LeaseEvent & { readonly heldMs: number };
  /** We cannot tell whether the lease still holds; a renewal is under way. Ends in `renewed` or `lost`. */
  uncertain: LeaseEvent;
  /** An uncertain lease is certain again. */
  renewed: LeaseEvent;
  lost: LeaseEvent & { readonly cause: LossCause; readonly error: LockLostError };
  /** The work ended in time but the store did not confirm the release; the lease runs out by itself at the latest. */
  releaseFailed: LeaseEvent & { readonly error: LockError };
  /** Somebody used `forceRelease` through this manager. For the audit log. `fencingToken` null: nobody held it. */
  forceReleased: { readonly name: string; readonly reason: string; readonly fencingToken: number | null };
  /** A `@Locked` of `onStoreFailure: 'run-unlocked'` runs its method without the lock, because the store is away: `error` says how. */
  runsUnlocked: { readonly names: readonly string[]; readonly label: string; readonly error: LockStoreError };
  /** Something an operator should read. Without a listener it goes to `process.emitWarning`. */
  warning: { readonly message: string };
}

export type LockEventName = keyof LockEvents;
/** May be async: what it throws, at once or later, becomes a process warning. */
export type LockEventListener<E extends LockEventName> = (event: LockEvents[E]) => void;

/** Where events go. */
export interface LockAudience {
  /** Is anybody listening? Lets hot paths skip building the event. */
  has(event: LockEventName): boolean;
  emit<E extends LockEventName>(event: E, payload: LockEvents[E]): void;
}

type Listeners = { [E in LockEventName]?: Set<LockEventListener<E>> };

/** A typed emitter in which a throwing listener cannot hurt a lock, nor the listeners after it. */
export class LockEventEmitter implements LockAudience {
  readonly #listeners: Listeners = {};

  /** Returns the function that removes the listener again. */
  on<E extends LockEventName>(event: E, listener: LockEventListener<E>): () => void {
    const listeners = (this.#listeners[event] ??= new Set<LockEventListener<E>>() as never) as Set<
      LockEventListener<E>
    >;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  has(event: LockEventName): boolean {
    return (this.#listeners[event]?.size ?? 0) > 0;
  }

  emit<E extends LockEventName>(event: E, payload: LockEvents[E]): void {
    if (event === 'warning' && !this.has('warning')) {
      process.emitWarning((payload as LockEvents['warning']).message, 'DistributedLockWarning');
      return;
    }
    for (const listener of (this.#listeners[event] ?? []) as Iterable<LockEventListener<E>>) {
      try {
        const result: unknown = listener(payload);
        if (isThenable(result)) result.then(undefined, (error: unknown) => warnOfListener(event, error));
      } catch (error) {
        warnOfListener(event, error);
      }
    }
  }
}

function warnOfListener(event: LockEventName, error: unknown): void {
  warnOfThrown(`a listener of the lock event "${event}"`, error);
}
