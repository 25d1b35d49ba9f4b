/** So many entries may have gone, beside as many as are there, before the table is made anew. */
const GONE = 512;

/**
 * A Map in which entries come and go all the time. V8 links each outgrown table of a Map to the one that replaced it, and a Map that gets and
 * loses entries outgrows one every hundred or so. As soon as one such table has grown old, everything that was ever in those after it
 * survives, too, until the next major collection, and is copied there at a price: measured at 64 locks at a time, 2 KB for each of them,
 * and a quarter of the time. A fresh Map now and then cuts the chain.
 */
export class FleetingMap<K, V> {
  #entries = new Map<K, V>();
  #gone = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
  }

  /** false: was not there. */
  delete(key: K): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#gone += 1;
    if (this.#gone > GONE + this.#entries.size) {
      this.#gone = 0;
      this.#entries = new Map(this.#entries);
    }
    return true;
  }

  /** A copy, in the order in which they came. */
  values(): V[] {
    return [...this.#entries.values()];
  }
}
