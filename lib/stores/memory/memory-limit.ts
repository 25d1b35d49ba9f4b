import type { AcquireRequest } from '../lock-store.js';
import { type Access, excludesUse } from '../mechanics/admission.js';
import { otherUseError, tooHeavyError } from '../mechanics/admission-errors.js';

/** How a name is used, and its limit: an operator's, else the one of the first caller as long as anybody holds or waits. */
export class MemoryLimit {
  #ofCallers: number | undefined;
  #ofOperator: number | undefined;

  /** null: none. */
  get told(): number | null {
    return this.#ofOperator ?? this.#ofCallers ?? null;
  }

  get isSet(): boolean {
    return this.#ofOperator !== undefined;
  }

  set(limit: number | null): void {
    this.#ofOperator = limit ?? undefined;
  }

  inForce(asked: number | undefined): number {
    return this.#ofOperator ?? this.#ofCallers ?? asked ?? Infinity;
  }

  /** Somebody holds or waits with this limit. */
  used(limit: number | undefined): void {
    this.#ofCallers ??= limit;
  }

  /** Nobody holds or waits any more. */
  unused(): void {
    this.#ofCallers = undefined;
  }

  /** @throws LockUsageError when the name is used in another way at this moment, or the weight is above the limit in force */
  check({ name, mode, limit, weight = 1 }: AcquireRequest, others: readonly Access[]): void {
    if (others.some((other) => excludesUse({ mode, limit }, other)))
      throw otherUseError(name, { mode, limit });
    const inForce = this.inForce(limit);
    if (limit !== undefined && weight > inForce) throw tooHeavyError({ name, weight }, inForce);
  }
}
