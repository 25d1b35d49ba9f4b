import type { Hold } from '../lock-store.js';
import type { LockKeys } from './redis-keys.js';

/** What is known of a hold before any grant. */
export interface RedisHoldStart {
  readonly name: string;
  readonly keys: LockKeys;
  readonly ownerToken: string;
  readonly leaseMs: number;
}

/** The Redis store's record behind one lease: what the scripts need to know it again. */
export class RedisHold implements Hold {
  readonly name: string;
  readonly keys: LockKeys;
  readonly ownerToken: string;
  /** As asked for at acquire: after so long without a renewal the store has forgotten it. */
  readonly leaseMs: number;
  /** Its entry in the queue, as it stands in Redis; '' when it never queued. */
  member = '';
  #fence = '';
  #lineage = '';

  constructor(start: RedisHoldStart) {
    this.name = start.name;
    this.keys = start.keys;
    this.ownerToken = start.ownerToken;
    this.leaseMs = start.leaseMs;
  }

  get fencingToken(): number {
    return Number(this.#fence);
  }

  /** Fence and lineage as the scripts know them; '' before any grant. */
  get grant(): string {
    return this.#fence + this.#lineage;
  }

  /** A later grant of the same hold (a poll that was answered after the push, a renewal after a loss of data) counts; an earlier one does not. */
  learn(fence: string, lineage: string): void {
    if (fence <= this.#fence) return;
    this.#fence = fence;
    this.#lineage = lineage;
  }
}
