import { Observable, type Subscription } from 'rxjs';
import { type Lease, Stop } from '../../lib/index.js';
import type { ResponseWatch } from '../transports/response-watch.js';
import type { CallerWatch } from '../transports/transport.js';
import { type OpenWork, runUnderLease } from './open-work.js';

export interface LockedSource {
  readonly watch: ResponseWatch | undefined;
  /** Ends the wait; undefined: only the subscriber does. */
  readonly caller: CallerWatch | undefined;
  /** May throw at once. */
  acquire(signal: Stop): Promise<Lease>;
  /** What to subscribe to under the lock. */
  start(lease: Lease, openWork: OpenWork): Observable<unknown>;
  /** The response was closed; calling `stop` unsubscribes from the source. */
  onClose(stop: () => void): void;
}

/** One for all, without a reader: it ends a wait whose outcome nobody hears. */
export const LEFT = new Error('nobody waits for this lock any more');

/**
 * An Observable that takes the lock when it is subscribed to, passes values on as they come, and ends only when the lock has been
 * given back: so a result obtained after a loss becomes a LockLostError. Unsubscribing ends the wait; later it stops the source first
 * and gives the lock back after the source's own teardown.
 */
export function lockedObservable(source: LockedSource): Observable<unknown> {
  return new Observable((subscriber) => {
    const { watch, caller } = source;
    const wait = caller?.endOfWait() ?? new Stop();
    let inner: Subscription | undefined;
    const work = (lease: Lease, openWork: OpenWork) =>
      new Promise<void>((resolve, reject) => {
        if (subscriber.closed) {
          resolve();
          return;
        }
        inner = source.start(lease, openWork).subscribe({
          next: (value) => subscriber.next(openWork.track(value)),
          error: reject,
          complete: resolve,
        });
        inner.add(resolve);
        if (subscriber.closed) inner.unsubscribe(); // left at a value that came at once, before there was an `inner` to end
        watch?.onClose(() => source.onClose(() => inner?.unsubscribe()));
      });
    const run = async () => {
      const lease = await source.acquire(wait);
      await runUnderLease(lease, watch, (openWork) => work(lease, openWork));
    };
    run().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => {
      wait.abort(LEFT);
      inner?.unsubscribe();
    };
  });
}
