import { Observable, type Subscription } from 'rxjs';
import type { Lease } from '../lib/index.js';
import { type Hold, runHolding } from './hold.js';
import type { ResponseWatch } from './response-watch.js';

export interface LockedSource {
  readonly watch: ResponseWatch | undefined;
  acquire(signal: AbortSignal): Promise<Lease>;
  /** What to subscribe to under the lock. */
  start(lease: Lease, hold: Hold): Observable<unknown>;
  /** The response was closed; calling `stop` unsubscribes from the source. */
  onClose(stop: () => void): void;
}

/**
 * An Observable that takes the lock when it is subscribed to, passes values on as they come, and ends only when the lock has been
 * given back: so a result obtained after a loss becomes a LockLostError. Unsubscribing ends the wait; later it stops the source first
 * and gives the lock back after the source's own teardown.
 */
export function lockedObservable(source: LockedSource): Observable<unknown> {
  return new Observable((subscriber) => {
    const left = new AbortController();
    const { watch } = source;
    const signal = watch === undefined ? left.signal : AbortSignal.any([left.signal, watch.signal]);
    let inner: Subscription | undefined;
    const work = (lease: Lease, hold: Hold) =>
      new Promise<void>((resolve, reject) => {
        if (subscriber.closed) {
          resolve();
          return;
        }
        inner = source.start(lease, hold).subscribe({
          next: (value) => subscriber.next(hold.track(value)),
          error: reject,
          complete: resolve,
        });
        inner.add(() => resolve());
        watch?.onClose(() => source.onClose(() => inner?.unsubscribe()));
      });
    source
      .acquire(signal)
      .then((lease) => runHolding(lease, watch, (hold) => work(lease, hold)))
      .then(
        () => subscriber.complete(),
        (error: unknown) => subscriber.error(error),
      );
    return () => {
      left.abort();
      inner?.unsubscribe();
    };
  });
}
