import type { LockClient } from '../adapters/adapter.js';
import { nowNs } from './clock.js';

export const nothing = async (): Promise<void> => {};

/** Acquires and releases ever new names, so many at once as there are loops. */
export class Pairs {
  #next = 0;

  constructor(
    client: LockClient,
    private readonly loops: number,
    /** Takes and gives back what pair number `n` is about. */
    private readonly pair = (n: number): Promise<unknown> => client.using(`pair:${n}`, nothing),
  ) {}

  /** Does so many pairs, and tells how long each took, in ns. */
  async run(count: number): Promise<Float64Array> {
    const takenNs = new Float64Array(count);
    const from = this.#next;
    const end = from + count;
    const loop = async (): Promise<void> => {
      while (this.#next < end) {
        const pair = this.#next++;
        const askedNs = nowNs();
        await this.pair(pair);
        takenNs[pair - from] = nowNs() - askedNs;
      }
    };
    await Promise.all(Array.from({ length: this.loops }, loop));
    return takenNs;
  }
}
