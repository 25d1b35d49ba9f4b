import type { Hold } from '../lock-store.js';

/** The PostgreSQL store's record behind one lease or a run of local ones: what the functions need to know it again. */
export class PostgresHold implements Hold {
  readonly name: string;
  /** `prefix/name`, as it stands in the tables; a prefix has no /. */
  readonly key: string;
  readonly ownerToken: string;
  readonly label: string;
  /** The longest that was ever asked for: after so long without a renewal the store has forgotten it. */
  leaseMs: number;
  /** A request for it got no reply before another copy was answered: it may be executed after the release, and for nobody. */
  mayComeBack = false;
  /** Until when it may be believed (monotonic ms); -Infinity before any grant. */
  deadlineMs = -Infinity;
  /** Since when, as far as we know (monotonic ms). */
  heldSinceMs = Infinity;
  #fencingToken = 0;
  #lineage = 0;
  #lastFencingToken = 0;

  constructor(start: { name: string; key: string; ownerToken: string; leaseMs: number; label?: string }) {
    this.name = start.name;
    this.key = start.key;
    this.ownerToken = start.ownerToken;
    this.leaseMs = start.leaseMs;
    this.label = start.label ?? '';
  }

  /** 0 before any grant. */
  get fencingToken(): number {
    return this.#fencingToken;
  }

  get lineage(): number {
    return this.#lineage;
  }

  get lastFencingToken(): number {
    return Math.max(this.#lastFencingToken, this.#fencingToken);
  }

  set lastFencingToken(used: number) {
    this.#lastFencingToken = used;
  }

  /** A later grant of the same hold (a poll that was answered after the push, a kept one) counts; an earlier one does not. */
  learn(fence: number, lineage: number): void {
    if (fence <= this.#fencingToken) return;
    this.#fencingToken = fence;
    this.#lineage = lineage;
  }
}
