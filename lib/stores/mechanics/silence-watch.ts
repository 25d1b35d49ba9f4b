import type { Bound, Bounds } from './bounds.js';

/** A store's connection, as far as it can be silent. */
export interface Wire {
  /** The socket of the moment, which counts what it has read; another one after a reconnect. */
  socket(): { readonly bytesRead?: number; destroy?(error: Error): void } | undefined;
  /** Was anything sent that is not answered yet? */
  isAwaiting(): boolean;
}

/**
 * Finds connections that are dead and do not say so: something was sent, and for as long as anybody waits for an answer not a byte
 * came. Clients have a time limit of a socket for this, whose timer rings after a blocked event loop before the socket is read, and so drops
 * a connection in which all the answers lie.
 */
export class SilenceWatch {
  /** The longest that anybody waits for one reply. */
  #patienceMs = 0;
  #watching: Bound | undefined;
  #closed = false;

  constructor(
    private readonly wire: Wire,
    private readonly bounds: Bounds,
  ) {}

  /** Something is sent, or about to be, and waited for at most so long. */
  expect(boundMs: number): void {
    if (boundMs > this.#patienceMs) this.#patienceMs = boundMs;
    if (this.#watching === undefined) this.#watch();
  }

  close(): void {
    this.#closed = true;
    if (this.#watching !== undefined) this.bounds.end(this.#watching);
  }

  /** There is a new connection. */
  restart(): void {
    this.#watch();
  }

  #watch(): void {
    if (this.#watching !== undefined || this.#closed || this.#patienceMs === 0) return;
    const socket = this.wire.socket();
    const heard = socket?.bytesRead;
    const wasAwaiting = this.wire.isAwaiting();
    this.#watching = this.bounds.start(this.#patienceMs, () => {
      this.#watching = undefined;
      if (!this.wire.isAwaiting()) return;
      const isSilent = wasAwaiting && socket === this.wire.socket() && socket?.bytesRead === heard;
      if (isSilent) socket?.destroy?.(new Error(`no reply to anything within ${this.#patienceMs} ms`));
      else this.#watch();
    });
  }
}
