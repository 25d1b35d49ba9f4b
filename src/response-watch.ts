import { HttpException } from '@nestjs/common';
import { recogniseCopies, Stop } from '../lib/index.js';

/** nginx's number for it. Nothing is sent, since nobody is there; interceptors and metrics around ours see it. */
const CLIENT_CLOSED_REQUEST = 499;

/** The client went away before its turn came; the handler did not run. */
export class ClientGoneError extends HttpException {
  constructor() {
    super('the client closed the request while it waited for a lock', CLIENT_CLOSED_REQUEST);
  }
}
recogniseCopies(ClientGoneError, 'ClientGoneError');

interface RawResponse {
  readonly writableFinished?: boolean;
  readonly closed?: boolean;
  readonly destroyed?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/**
 * Watches one HTTP response. Its 'close' comes on Express and Fastify alike, after a complete answer and when the client
 * has gone; Nest itself does not stop a normal request for that.
 */
export class ResponseWatch {
  readonly #listeners: (() => void)[] = [];
  #closed = false;
  #gone = false;

  constructor(response: unknown) {
    const raw = ((response as { raw?: unknown }).raw ?? response) as RawResponse;
    if (raw.closed === true || raw.destroyed === true) this.#close(raw);
    else raw.once('close', () => this.#close(raw));
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
    if (this.#closed) listener();
    else this.#listeners.push(listener);
  }

  #close(raw: RawResponse): void {
    this.#closed = true;
    this.#gone = raw.writableFinished !== true;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}
