import { quantileSorted } from 'simple-statistics';

const FIRST_SAMPLES = 65_536;

/** Numbers as they come in; cheap enough for a million in a second. */
export class Samples {
  #values = new Float64Array(FIRST_SAMPLES);
  #length = 0;

  get count(): number {
    return this.#length;
  }

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(this.#values.length * 2);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  take(): Float64Array {
    return this.#values.slice(0, this.#length);
  }
}

/** How long something took, usually and at worst. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

/** All together, in the unit of the values; NaN: there is none. */
export function spreadOf(...parts: readonly Float64Array[]): Spread {
  const sorted = parts.flatMap((part) => Array.from(part)).toSorted((a, b) => a - b);
  const longest = sorted.at(-1);
  if (longest === undefined) return { p50: NaN, p99: NaN, longest: NaN };
  return { p50: quantileSorted(sorted, 0.5), p99: quantileSorted(sorted, 0.99), longest };
}
