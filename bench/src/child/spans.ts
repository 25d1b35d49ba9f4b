import { Samples } from './samples.js';

/** From when to when each section lasted, as [enter, leave, enter, leave, …] in ns. */
export class Spans {
  readonly #times = new Samples();

  get count(): number {
    return this.#times.count / 2;
  }

  add(enterNs: number, leaveNs: number): void {
    this.#times.add(enterNs);
    this.#times.add(leaveNs);
  }

  take(): Float64Array {
    return this.#times.take();
  }
}
