import { LockUsageError } from '../../lock-errors.js';
import type { AcquireRequest } from '../lock-store.js';
import { type Access, excludesUse } from '../mechanics/admission.js';

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
    if (others.some((other) => excludesUse({ mode, limit }, other))) {
      const [here, there] = limit === undefined ? [`mode: '${mode}'`, 'a limit'] : ['a limit', 'readers'];
      const message = `lock "${name}" is used with ${there} at this moment, so it cannot be taken with ${here}; one name has readers and writers, or a limit`;
      throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName: name });
    }
    const inForce = this.inForce(limit);
    if (limit === undefined || weight <= inForce) return;
    const message = `lock "${name}": weight must be at most the limit in force, ${inForce}, got ${weight}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { lockName: name });
  }
}
