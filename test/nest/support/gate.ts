import { HANG_MS } from '../../support/in-time.js';

/** A door in a test's handler: the test learns that somebody stands before it, and opens it. */
export class Gate {
  readonly #arrivals: (() => void)[] = [];
  #waitingForArrival: (() => void)[] = [];

  /** Called by the code under test. */
  pass(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrivals.push(resolve);
      for (const wake of this.#waitingForArrival) wake();
      this.#waitingForArrival = [];
    });
  }

  /** Resolves when `count` callers stand before the door. */
  async arrived(count = 1): Promise<void> {
    while (this.#arrivals.length < count)
      await new Promise<void>((resolve) => this.#waitingForArrival.push(resolve));
  }

  get waiting(): number {
    return this.#arrivals.length;
  }

  /** Lets one caller through. */
  async open(): Promise<void> {
    await this.arrived();
    this.#arrivals.shift()?.();
  }
}

/** Polls each turn of the event loop; for states that nothing announces. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const endsAt = performance.now() + HANG_MS;
  while (!(await condition())) {
    if (performance.now() > endsAt) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets everything that is already due happen: a few turns of the event loop, sockets included. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
