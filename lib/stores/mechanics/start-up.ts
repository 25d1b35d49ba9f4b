import type { Bounds } from './bounds.js';

/**
 * The start of a store's session: one at a time, however many ask; all steps within one bound, on the clock that stands still while our
 * event loop is blocked. After a failure the next call tries again.
 */
export class StartUp {
  #isDone = false;
  #running: Promise<void> | undefined;

  constructor(
    private readonly bounds: Bounds,
    /** For all steps together, in ms. */
    private readonly boundMs: number,
    /** @param leftMs how much of the time is left, in ms */
    private readonly steps: (leftMs: () => number) => Promise<void>,
  ) {}

  get isDone(): boolean {
    return this.#isDone;
  }

  /** @throws what the steps throw */
  done(): Promise<void> {
    if (this.#isDone) return Promise.resolve();
    return (this.#running ??= this.#run().finally(() => (this.#running = undefined)));
  }

  async #run(): Promise<void> {
    const endsAtMs = this.bounds.nowMs() + this.boundMs;
    await this.steps(() => endsAtMs - this.bounds.nowMs());
    this.#isDone = true;
  }
}
