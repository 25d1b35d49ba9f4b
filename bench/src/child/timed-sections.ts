import { setTimeout as sleep } from 'node:timers/promises';

import { nowNs } from './clock.js';
import { Spans } from './spans.js';

/** Sections of one process that may be open together. */
export class TimedSections {
  readonly #spans = new Spans();
  #inside = 0;

  get count(): number {
    return this.#spans.count;
  }

  async run(enterNs: number, work: () => Promise<unknown>): Promise<void> {
    this.#inside++;
    await work();
    this.#inside--;
    this.#spans.add(enterNs, nowNs());
  }

  /** Those that have begun may end. */
  async lastEnds(boundMs: number): Promise<void> {
    for (let waitedMs = 0; this.#inside > 0 && waitedMs < boundMs; waitedMs++) await sleep(1);
  }

  /** When each began and ended, as `Spans` gives it; in the order in which they ended. */
  take(): Float64Array {
    return this.#spans.take();
  }
}
