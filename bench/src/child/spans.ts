const FIRST_SPANS = 65_536;

/** From when to when each section lasted, as [enter, leave, enter, leave, …] in ns; cheap enough for a million in a second. */
export class Spans {
  #times = new Float64Array(FIRST_SPANS * 2);
  #length = 0;

  get count(): number {
    return this.#length / 2;
  }

  add(enterNs: number, leaveNs: number): void {
    if (this.#length === this.#times.length) {
      const longer = new Float64Array(this.#times.length * 2);
      longer.set(this.#times);
      this.#times = longer;
    }
    this.#times[this.#length++] = enterNs;
    this.#times[this.#length++] = leaveNs;
  }

  take(): Float64Array {
    return this.#times.slice(0, this.#length);
  }
}
