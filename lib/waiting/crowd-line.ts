import type { KeptHold } from '../holding/kept-hold.js';
import type { SingleLease } from '../holding/single-lease.js';
import { Line } from './line.js';
import type { Busy } from '../stores/lock-store.js';

/** A line that may have several holds at once, so that only the store knows whether there is another one for whoever comes. */
export abstract class CrowdLine extends Line {
  /** All that are here, oldest first. */
  readonly #holds = new Set<KeptHold>();

  get lease(): SingleLease | undefined {
    const [first] = this.#holds;
    return first?.lease;
  }

  protected get isHolding(): boolean {
    return this.#holds.size > 0;
  }

  /** What one waits for is not one of ours. */
  protected heldForMs(): number | undefined {
    return undefined;
  }

  protected atOnce(): Busy | undefined {
    return undefined;
  }

  protected waitsForUs(): boolean {
    return false;
  }

  protected began({ kept }: SingleLease): void {
    this.#holds.add(kept);
  }

  protected forget(kept: KeptHold): void {
    this.#holds.delete(kept);
  }
}
