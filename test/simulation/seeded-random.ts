/** Four 32-bit words out of a text (the mixing of MurmurHash3), so that any label makes a seed of its own. */
function wordsOf(text: string): [number, number, number, number] {
  let hash = 1_779_033_703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 3_432_918_353);
    hash = (hash << 13) | (hash >>> 19);
  }
  const next = () => {
    hash = Math.imul(hash ^ (hash >>> 16), 2_246_822_507);
    hash = Math.imul(hash ^ (hash >>> 13), 3_266_489_909);
    return (hash ^= hash >>> 16) >>> 0;
  };
  return [next(), next(), next(), next()];
}

/**
 * All chance of a simulation (the generator is sfc32). Each part of it draws from a stream of its own, made by {@link fork}, so that
 * leaving one fault out while a failure is made smaller does not change what all the others do.
 */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #count: number;

  constructor(private readonly seed: string) {
    [this.#a, this.#b, this.#c, this.#count] = wordsOf(seed);
    for (let i = 0; i < 12; i++) this.next();
  }

  fork(label: string): SeededRandom {
    return new SeededRandom(`${this.seed}/${label}`);
  }

  /** In [0, 1). */
  next(): number {
    const sum = (this.#a + this.#b + this.#count) | 0;
    this.#count = (this.#count + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  }

  between(min: number, max: number): number {
    return min + this.next() * (max - min);
  }

  /** Both ends included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)] as T;
  }
}
