import { BrokenLockError } from '../run/outcome.js';

/** Watches the sections of one process: is anybody inside together with another, does an update of a shared number get lost? */
export class SectionWitness {
  #inside = 0;
  #counter = 0;
  #overlaps = 0;
  done = 0;

  /** `pause` is the time between reading and writing, in which somebody else could come in. */
  async section(pause: () => Promise<unknown>): Promise<void> {
    if (this.#inside++ > 0) this.#overlaps++;
    const read = this.#counter;
    await pause();
    this.#counter = read + 1;
    this.#inside--;
    this.done++;
  }

  /** @throws BrokenLockError */
  check(): void {
    const lost = this.done - this.#counter;
    if (this.#overlaps === 0 && lost === 0) return;
    throw new BrokenLockError(
      `two holders at once ${this.#overlaps} times in ${this.done} sections, ${lost} updates lost`,
    );
  }
}
