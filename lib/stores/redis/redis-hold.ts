import type { Hold } from '../lock-store.js';
import type { GateMode } from './gate/gate-kind.js';
import type { LockKeys } from './redis-keys.js';

/** What is known of a hold before any grant. */
export interface RedisHoldStart {
  readonly name: string;
  readonly keys: LockKeys;
  readonly ownerToken: string;
  readonly leaseMs: number;
  /** Its owner token and channel|label, as they stand in a state. Default: the token alone. */
  readonly owner?: string;
  /** Default: exclusive. */
  readonly mode?: GateMode;
  /** Permits that it takes of a limit; default 1. */
  readonly weight?: number | undefined;
}

const NO_GRANT = '0'.repeat(16);

/** The Redis store's record behind one lease or a run of local ones: what the scripts need to know it again. */
export class RedisHold implements Hold {
  readonly name: string;
  readonly keys: LockKeys;
  readonly ownerToken: string;
  /** The longest that was ever asked for: after so long without a renewal the store has forgotten it. */
  leaseMs: number;
  readonly owner: string;
  /** The lease that it asked for when it may have been queued, in ms; 0: it never was. */
  queuedMs = 0;
  /** A request for it got no reply before another copy was answered: it may be executed after the release, and for nobody. */
  mayComeBack = false;
  /** How it was asked for; in the queue it stays so. */
  readonly mode: GateMode;
  readonly weight: number;
  minHoldMs = 0;
  /** Where it was last seen: at the general gate, or in format 1. A guess: the script that is asked knows. */
  isAtGate = false;
  /** As the scripts write them; '' before any grant. */
  #fence = '';
  #lineage = '';
  #fencingToken = 0;
  #lastFencingToken = 0;

  constructor(start: RedisHoldStart) {
    this.name = start.name;
    this.keys = start.keys;
    this.ownerToken = start.ownerToken;
    this.leaseMs = start.leaseMs;
    this.owner = start.owner ?? start.ownerToken;
    this.mode = start.mode ?? 'x';
    this.weight = start.weight ?? 1;
  }

  get fencingToken(): number {
    return this.#fencingToken;
  }

  get lastFencingToken(): number {
    return Math.max(this.#lastFencingToken, this.#fencingToken);
  }

  set lastFencingToken(used: number) {
    this.#lastFencingToken = used;
  }

  /** Fence and lineage as they stand in the store; '' before any grant. */
  get grant(): string {
    return this.#fence + this.#lineage;
  }

  /** For release.lua: the state that it has when nothing was special since its grant (`m`: there is a least time), and the one that it leaves. */
  get ending(): readonly [expected: string, free: string] {
    if (this.#fence === '')
      return [`h${NO_GRANT}${NO_GRANT}${NO_GRANT}${this.owner}`, `f${NO_GRANT}${NO_GRANT}`];
    return [
      `${this.minHoldMs > 0 ? 'm' : 'h'}${this.#fence}${this.#lineage}${this.#fence}${this.owner}`,
      `f${this.#lastUsed()}${this.#lineage}`,
    ];
  }

  /** For gate-release.lua. */
  get gateEnding(): string {
    const grant = this.#fence === '' ? NO_GRANT + NO_GRANT : this.#lastUsed() + this.#lineage;
    return this.ownerToken + grant + this.owner.slice(this.ownerToken.length);
  }

  /** The last fencing token that was used under it, as the scripts write it. */
  get lastUsed(): string {
    return this.#fence === '' ? NO_GRANT : this.#lastUsed();
  }

  /** The fence as it stands in the store. */
  get fence(): string {
    return this.#fence === '' ? NO_GRANT : this.#fence;
  }

  /** For yield.lua: the owner token, the fence as it stands in the store, the lineage, the last one used. */
  get yields(): string {
    return this.ownerToken + this.#fence + this.#lineage + this.#lastUsed();
  }

  /** A later grant of the same hold (a poll that was answered after the push, a renewal after a loss of data) counts; an earlier one does not. */
  learn(fence: string, lineage: string): void {
    if (fence <= this.#fence) return;
    this.#fence = fence;
    this.#lineage = lineage;
    this.#fencingToken = Number(fence);
  }

  #lastUsed(): string {
    return this.#lastFencingToken <= this.#fencingToken
      ? this.#fence
      : String(this.#lastFencingToken).padStart(16, '0');
  }
}
