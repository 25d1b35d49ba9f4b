import { AsyncLocalStorage } from 'node:async_hooks';
import { Observable, type Subscriber } from 'rxjs';
import type { Lease } from '../../lib/index.js';
import type { ResponseWatch } from '../transports/response-watch.js';
import {
  endOf,
  isObservable,
  type NodeStream,
  type Step,
  type Steps,
  type StreamLike,
} from './stream-like.js';
import { handOn, isWebStream } from './web-stream.js';
import { sectionEnded } from '../unlocked-runs.js';

/**
 * Counts what still works under one lock: the call itself and every stream it returned. The lock is given back when the
 * last of them is over. A stream that nobody reads to its end keeps the lock, over HTTP until the response is closed.
 */
export class OpenWork {
  readonly #watch: ResponseWatch | undefined;
  /** The streams, by identity. Made for the first one: most calls give none. */
  #tracked: WeakSet<object> | undefined;
  #becomeIdle: (() => void) | undefined;
  #count = 0;
  #over = false;

  constructor(watch: ResponseWatch | undefined) {
    this.#watch = watch;
  }

  /** Something works under the lock now. Call the returned function when it is over; twice is harmless. */
  retain(): () => void {
    let retained = true;
    this.#count++;
    return () => {
      if (!retained) return;
      retained = false;
      if (--this.#count === 0) this.#becomeIdle?.();
    };
  }

  /** Is anything besides the call itself still at work? */
  get busy(): boolean {
    return this.#count > 0;
  }

  /** The call itself is over: nothing new may start under this lock. */
  get over(): boolean {
    return this.#over;
  }

  /** The call itself is over. A promise when something still works under the lock: resolves when that is over, too. */
  end(): Promise<void> | undefined {
    this.#over = true;
    return this.busy ? new Promise((resolve) => (this.#becomeIdle = resolve)) : undefined;
  }

  /** The response is being written by the handler itself, or by something we cannot see the end of: locked until it is closed. */
  retainUntilClosed(): void {
    this.#watch?.onClose(this.retain());
  }

  /**
   * Keeps the lock until the value, if it is a stream, is over. Objects keep their identity; only an Observable, which each
   * subscription starts anew, and a web stream of a service method, which tells its end to its reader only, are replaced. Never throws: what cannot be looked at is no stream.
   */
  track<T>(value: T): T {
    if (typeof value !== 'object' || value === null || this.#tracked?.has(value) === true) return value;
    try {
      if (isObservable(value)) return this.#trackObservable(value) as T;
      if (this.#watch === undefined && isWebStream(value)) return this.#trackWebStream(value) as T;
      const begin = this.#streamIn(value);
      if (begin === undefined) return value;
      this.#tracked ??= new WeakSet();
      this.#tracked.add(value);
      begin();
    } catch {
      // A getter of the value, or a Proxy: the caller gets it as it would without us.
    }
    return value;
  }

  /** How to hold the lock until this value is over; undefined: it is no stream. */
  #streamIn(given: StreamLike): (() => void) | undefined {
    if (typeof given.getStream === 'function') return () => this.track(given.getStream?.()); // StreamableFile
    if (typeof given.pipe === 'function' && typeof given.once === 'function')
      return () => this.#trackStream(given as NodeStream);
    if (typeof given.next === 'function' && Symbol.asyncIterator in given)
      return () => this.#trackIterator(given as Steps);
    if (this.#watch === undefined && typeof given[Symbol.asyncIterator] === 'function')
      return () => this.#trackIterable(given as AsyncIterable<unknown>);
    // Over HTTP the end of the response tells; of a fetch's Response without one nothing does.
    if (Symbol.asyncIterator in given || Object.prototype.toString.call(given) === '[object Response]')
      return () => this.retainUntilClosed();
    return undefined;
  }

  /** Held until the response is closed, where there is one; else nothing would ever give the lock back. */
  #cannotSeeEnd(release: () => void): void {
    this.retainUntilClosed();
    release();
  }

  #trackObservable(source: Observable<unknown>): Observable<unknown> {
    const release = this.retain();
    this.#watch?.onClose(release);
    const bind = AsyncLocalStorage.snapshot();
    return new Observable((subscriber: Subscriber<unknown>) => {
      const subscription = bind(() => source.subscribe(subscriber));
      subscription.add(release); // after the producer's own teardown
      return subscription;
    });
  }

  #trackWebStream(source: ReadableStream): ReadableStream {
    const release = this.retain();
    try {
      const handedOn = handOn(source, release);
      (this.#tracked ??= new WeakSet()).add(handedOn);
      return handedOn;
    } catch (error) {
      release(); // somebody reads it already
      throw error;
    }
  }

  /** A foreign iterable: what it is iterated with the first time. */
  #trackIterable(iterable: AsyncIterable<unknown>): void {
    const release = this.retain();
    let begun = false;
    const iterate = iterable[Symbol.asyncIterator].bind(iterable);
    const tracked = () => {
      const iterator = iterate();
      if (!begun) this.#trackIterator(iterator as Steps);
      begun = true;
      release();
      return iterator;
    };
    try {
      Object.defineProperty(iterable, Symbol.asyncIterator, {
        value: tracked,
        configurable: true,
        writable: true,
      });
    } catch {
      release(); // it is frozen
    }
  }

  #trackStream(stream: NodeStream): void {
    if (stream.destroyed === true || stream.readableEnded === true) return;
    const release = this.retain();
    this.#watch?.onClose(release);
    try {
      const end = endOf(stream);
      if (end.aborted) release();
      else end.addEventListener('abort', release);
    } catch {
      this.#cannotSeeEnd(release);
    }
  }

  /** The body of a generator runs in whoever calls `next`: bind it to our call chain, and count each step. */
  #trackIterator(iterator: Steps): void {
    const release = this.retain();
    const bind = AsyncLocalStorage.snapshot();
    let running = 0;
    let closed = false;
    // One turn later, because Nest's own listener for the end of the response starts the generator's `return`.
    const releaseWhenLeft = () => closed && setImmediate(() => running === 0 && release());
    const counted =
      (step: Step): Step =>
      async (...args) => {
        running++;
        try {
          const result = await bind(() => step.apply(iterator, args));
          // A cursor of a database has a `next` of its own, and says its end with null.
          if ((result as unknown) === null || result.done === true) release();
          return result;
        } catch (error) {
          release();
          throw error;
        } finally {
          running--;
          releaseWhenLeft();
        }
      };
    try {
      iterator.next = counted(iterator.next);
      if (iterator.return !== undefined) iterator.return = counted(iterator.return);
      if (iterator.throw !== undefined) iterator.throw = counted(iterator.throw);
    } catch {
      this.#cannotSeeEnd(release); // it is frozen
      return;
    }
    this.#watch?.onClose(() => {
      closed = true;
      releaseWhenLeft();
    });
  }
}

/**
 * Runs the work inside the lease. The lock is given back when the work and every stream it returned are over; a stream is
 * handed out before that, or nobody could read it to its end.
 *
 * @throws what the work throws; LockLostError when it ended after the lock was lost
 */
export function runUnderLease<T>(
  lease: Lease,
  watch: ResponseWatch | undefined,
  work: (openWork: OpenWork) => T | PromiseLike<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const run = async () => {
      const openWork = new OpenWork(watch);
      try {
        const value = openWork.track(await work(openWork));
        if (openWork.busy) resolve(value);
        return value;
      } catch (error) {
        if (openWork.busy) reject(error);
        throw error;
      } finally {
        const idle = openWork.end();
        if (idle !== undefined) await idle;
        sectionEnded(lease);
      }
    };
    lease.using(run).then(resolve, (error: unknown) => {
      sectionEnded(lease); // it may not have begun
      reject(error as Error);
    });
  });
}
