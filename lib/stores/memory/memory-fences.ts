import type { Hold } from '../lock-store.js';

/** The fencing tokens of one name. While it ends cleanly each time they rise by one; after anything else they begin anew, above all others. */
export class FenceChain {
  /** The last one given out, and the first of its unbroken chain of clean releases. */
  #last = 0;
  #first = 0;
  #isBroken = true;

  /** @param firstFence the least one that a new chain may begin with */
  constructor(private readonly firstFence: () => number) {}

  /** @param isKept is anything known of the name? */
  next(isKept: boolean): number {
    const inChain = !this.#isBroken && isKept;
    this.#last = Math.max(this.#last + 1, this.firstFence());
    if (!inChain) this.#first = this.#last;
    this.#isBroken = false;
    return this.#last;
  }

  /** The same hold is granted anew. */
  renew(hold: Hold & { fencingToken: number }): void {
    this.#last = Math.max(this.#last, hold.lastFencingToken) + 1;
    hold.fencingToken = this.#last;
    hold.lastFencingToken = this.#last;
  }

  ended({ lastFencingToken }: Hold, { clean }: { clean: boolean }): void {
    this.#last = Math.max(this.#last, lastFencingToken);
    if (!clean) this.#isBroken = true;
  }

  /** Every hold of a chain but the present ones ended cleanly: a repeated release is known without a list of old owners. */
  endedCleanBefore({ fencingToken }: Hold): boolean {
    return !this.#isBroken && fencingToken >= this.#first && fencingToken <= this.#last;
  }
}
