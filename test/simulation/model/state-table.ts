/** Jest makes each look at a global slow, and this is called for every character of every state. */
const { imul } = Math;

/** Where a state goes on to that is an end: everybody was served. */
export const END = -2;

/** Sizes are powers of two. */
const FIRST_SLOTS = 1 << 16;

/**
 * Which states have been seen, by 64 bits of their text: with ten million states the chance that two of them are taken for one is 3 in
 * a million. Each has a number, the state that led to it first, and the state to which it goes on when nothing goes wrong.
 */
export class StateTable {
  size = 0;
  parent = new Int32Array(FIRST_SLOTS);
  wayOn = new Int32Array(FIRST_SLOTS);
  #high = new Uint32Array(FIRST_SLOTS);
  #low = new Uint32Array(FIRST_SLOTS);
  /** Number of the state + 1; 0: empty. */
  #slots = new Int32Array(FIRST_SLOTS * 2);

  add(text: string, parent: number): { index: number; isNew: boolean } {
    const [high, low] = hash(text);
    const slot = this.#slotOf(high, low);
    const known = this.#slots[slot]!;
    if (known > 0) return { index: known - 1, isNew: false };
    const index = this.size++;
    if (this.size > this.parent.length) this.#grow();
    this.#high[index] = high;
    this.#low[index] = low;
    this.parent[index] = parent;
    this.wayOn[index] = -1;
    this.#slots[this.#slotOf(high, low)] = index + 1;
    return { index, isNew: true };
  }

  /** -1: not seen */
  find(text: string): number {
    return this.#slots[this.#slotOf(...hash(text))]! - 1;
  }

  /** The first state whose way on never comes to an {@link END}; -1: there is none. */
  findStuck(): number {
    const OPEN = 1;
    const GOOD = 2;
    const marks = new Uint8Array(this.size);
    for (let index = 0; index < this.size; index++) {
      const path: number[] = [];
      let at = index;
      while (at >= 0 && marks[at] === 0) {
        marks[at] = OPEN;
        path.push(at);
        at = this.wayOn[at]!;
      }
      if (at !== END && marks[at] !== GOOD) return index;
      for (const passed of path) marks[passed] = GOOD;
    }
    return -1;
  }

  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const known = this.#slots[slot]!;
      if (known === 0 || (this.#high[known - 1] === high && this.#low[known - 1] === low)) return slot;
    }
  }

  #grow(): void {
    const double = <T extends Int32Array | Uint32Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    const length = this.parent.length * 2;
    this.parent = double(this.parent, new Int32Array(length));
    this.wayOn = double(this.wayOn, new Int32Array(length));
    this.#high = double(this.#high, new Uint32Array(length));
    this.#low = double(this.#low, new Uint32Array(length));
    this.#slots = new Int32Array(length * 2);
    for (let index = 0; index < this.size - 1; index++) {
      this.#slots[this.#slotOf(this.#high[index]!, this.#low[index]!)] = index + 1;
    }
  }
}

/** Two independent mixes (the second of them MurmurHash3's). */
function hash(text: string): [high: number, low: number] {
  let high = 0x811c9dc5;
  let low = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = imul(high ^ code, 0x01000193);
    low = imul(low ^ code, 0xcc9e2d51);
    low = (low << 13) | (low >>> 19);
  }
  return [finish(high ^ text.length), finish(low)];
}

function finish(value: number): number {
  let mixed = imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
