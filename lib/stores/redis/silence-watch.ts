import type { Bound, Bounds } from './bounds.js';
import type { RedisClient } from './redis-client.js';

/**
 * Finds connections that are dead and do not say so: something was sent, and for as long as anybody waits for an answer not a byte
 * came. ioredis has `socketTimeout` for this, whose timer rings after a blocked event loop before the socket is read, and so drops a
 * connection in which all the answers lie.
 */
export class SilenceWatch {
  /** The longest that anybody waits for one reply. */
  #patienceMs = 0;
  #watching: Bound | undefined;
  #closed = false;

  constructor(
    private readonly client: RedisClient,
    private readonly bounds: Bounds,
  ) {
    client.on('connect', () => this.#watch());
  }

  /** Something is sent, or about to be, and waited for at most so long. */
  expect(boundMs: number): void {
    if (boundMs > this.#patienceMs) this.#patienceMs = boundMs;
    if (this.#watching === undefined) this.#watch();
  }

  close(): void {
    this.#closed = true;
    if (this.#watching !== undefined) this.bounds.end(this.#watching);
  }

  get #isAwaiting(): boolean {
    return (this.client.commandQueue?.length ?? 0) > 0;
  }

  #watch(): void {
    if (this.#watching !== undefined || this.#closed || this.#patienceMs === 0) return;
    const { stream } = this.client;
    const heard = stream?.bytesRead;
    const wasAwaiting = this.#isAwaiting;
    this.#watching = this.bounds.start(this.#patienceMs, () => {
      this.#watching = undefined;
      if (!this.#isAwaiting) return;
      const isSilent = wasAwaiting && stream === this.client.stream && stream?.bytesRead === heard;
      if (isSilent) stream?.destroy?.(new Error(`no reply to anything within ${this.#patienceMs} ms`));
      else this.#watch();
    });
  }
}
