import { setTimeout as sleep } from 'node:timers/promises';

import { nowNs } from './clock.js';
import { SharedCounter } from './shared-counter.js';
import { Spans } from './spans.js';

const A_TURN = Promise.resolve();

/** The sections of one process, the same with a lock and without. */
export class HotSections {
  readonly #spans = new Spans();
  readonly #counter: SharedCounter;
  inside = 0;
  overlaps = 0;

  /** @param sectionMs 0: an empty section */
  constructor(
    private readonly sectionMs: number,
    counterPath: string,
  ) {
    this.#counter = new SharedCounter(counterPath);
  }

  async run(enterNs: number): Promise<void> {
    if (this.inside++ > 0) this.overlaps++;
    if (this.sectionMs === 0) {
      await A_TURN; // whoever else were inside could now be seen
    } else {
      const read = this.#counter.read();
      await sleep(this.sectionMs);
      this.#counter.write(read + 1);
    }
    this.inside--;
    this.#spans.add(enterNs, nowNs());
  }

  /** When each began and ended, as `Spans` gives it. */
  take(): Float64Array {
    return this.#spans.take();
  }
}
