import type { LossCause } from '../lock-errors.js';
import { FleetingMap } from '../runtime/fleeting-map.js';

/** What the store said of a hold before we knew of it. */
export interface EarlyLoss {
  readonly cause: LossCause;
  readonly note: string | undefined;
}

/**
 * Owner tokens on their way to the store. A loss may be pushed before the reply of its acquire is read (two connections have no
 * common order); it is kept here until then.
 */
export class EarlyLosses {
  readonly #expected = new FleetingMap<string, EarlyLoss | undefined>();

  /** A request with this owner token is on its way. */
  asking(ownerToken: string): void {
    this.#expected.set(ownerToken, undefined);
  }

  /** The request with this owner token ended without a hold. */
  unused(ownerToken: string): void {
    this.#expected.delete(ownerToken);
  }

  /** It is nobody's hold yet. */
  note(ownerToken: string, loss: EarlyLoss): void {
    if (this.#expected.has(ownerToken)) this.#expected.set(ownerToken, loss);
  }

  /** Its hold is here: was it lost meanwhile? */
  take(ownerToken: string): EarlyLoss | undefined {
    const early = this.#expected.get(ownerToken);
    this.#expected.delete(ownerToken);
    return early;
  }
}
