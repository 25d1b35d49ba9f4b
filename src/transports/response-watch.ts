import { Stop } from '../../lib/index.js';
import { ClientGoneError } from './client-gone.js';
import type { CallerWatch } from './transport.js';

interface RawResponse {
  [WATCH]?: ResponseWatch;
  readonly writableFinished?: boolean;
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** Where a response keeps its watch. Not a WeakMap: each of its entries costs the collector more than the rest of a watch. */
const WATCH = Symbol('nestjs-distributed-lock:watch');

/**
 * Watches one HTTP response. Its 'close' comes on Express and Fastify alike, after a complete answer and when the client
 * has gone; Nest itself does not stop a normal request for that.
 */
export class ResponseWatch implements CallerWatch {
  /** Aborts when the response is over. None of its listeners can keep the others from giving their locks back. */
  readonly #over = new Stop();
  #gone = false;

  private constructor(raw: RawResponse) {
    if (raw.closed === true || raw.destroyed === true) this.#close(raw);
    else raw.once('close', () => this.#close(raw));
  }

  /** The one watch of this response: an interceptor round ours may run us many times for one request, to try again. */
  static of(response: unknown): ResponseWatch {
    const raw = ((response as { raw?: unknown }).raw ?? response) as RawResponse;
    return (raw[WATCH] ??= new ResponseWatch(raw));
  }

  /** For one wait: ends it when the client goes away before the answer is complete. */
  endOfWait(): Stop {
    const stop = new Stop();
    this.onClose(() => {
      if (this.#gone) stop.abort(new ClientGoneError());
    });
    return stop;
  }

  /** Calls back once, when the response is over either way; at once when it already is. */
  onClose(listener: () => void): void {
    if (this.#over.aborted) listener();
    else this.#over.addEventListener('abort', listener);
  }

  #close(raw: RawResponse): void {
    this.#gone = raw.writableFinished !== true;
    this.#over.abort(undefined);
  }
}
