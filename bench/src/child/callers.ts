import { setTimeout as sleep } from 'node:timers/promises';

import { nowNs } from './clock.js';
import type { Samples } from './samples.js';

/** When is measured: after a warm-up, for so long. */
export interface Window {
  readonly warmUpMs: number;
  readonly windowMs: number;
}

/** The callers of one process, who ask again and again until the window is over. */
export class Callers {
  readonly #fromNs: number;
  readonly #endNs: number;
  /** By caller; 0: is not waiting. */
  readonly #sinceNs: Float64Array;
  readonly #ended = new Set<number>();
  /** How many sections began in the window. */
  sections = 0;

  constructor(count: number, startNs: number, { warmUpMs, windowMs }: Window) {
    this.#fromNs = startNs + warmUpMs * 1e6;
    this.#endNs = this.#fromNs + windowMs * 1e6;
    this.#sinceNs = new Float64Array(count);
  }

  /** Until the window is over. `asksOf` makes what a caller does each time. @throws whatever a caller throws */
  async askUntilOver(asksOf: (caller: number) => () => Promise<unknown>): Promise<void> {
    const loop = async (caller: number): Promise<void> => {
      const ask = asksOf(caller);
      for (let askedNs = nowNs(); askedNs < this.#endNs; askedNs = nowNs()) {
        this.#sinceNs[caller] = askedNs;
        await ask();
      }
      this.#ended.add(caller);
    };
    const failed = new Promise<never>((_, reject) => {
      for (let caller = 0; caller < this.#sinceNs.length; caller++) loop(caller).catch(reject);
    });
    await Promise.race([sleep((this.#endNs - nowNs()) / 1e6), failed]);
  }

  /** A caller is in. false: the window is over, so it still waits as far as we are concerned; it leaves at once. */
  enters(caller: number, enterNs: number, waitsNs: Samples): boolean {
    if (enterNs >= this.#endNs) return false;
    if (enterNs >= this.#fromNs) {
      this.sections++;
      waitsNs.add(enterNs - (this.#sinceNs[caller] ?? enterNs));
    }
    this.#sinceNs[caller] = 0;
    return true;
  }

  /** Who had not got in when the window was over, and how long it had waited by then. */
  stillWaiting(visit: (caller: number, lastedNs: number) => void): void {
    for (const [caller, sinceNs] of this.#sinceNs.entries())
      if (sinceNs > 0) visit(caller, this.#endNs - sinceNs);
  }

  /** How many are not through with their last call after this time. Nobody asks any more, so whoever waits then waits for ever. */
  async stuckAfter(boundMs: number): Promise<number> {
    const count = this.#sinceNs.length;
    for (let waitedMs = 0; this.#ended.size < count && waitedMs < boundMs; waitedMs += 5) await sleep(5);
    return count - this.#ended.size;
  }
}
