import type { LockStoreError } from '../../lock-errors.js';
import type { ReleaseOutcome } from '../lock-store.js';
import type { EndingTold } from '../mechanics/endings.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { AnswerFields, PostgresRequest } from './postgres-carrier.js';
import type { PostgresHold } from './postgres-hold.js';

/** The answer of release_v1 to who was not the owner. */
const REFUSED = '-1';

/** One release on its way, of a hold or of a place in the queue. */
export class PostgresRelease implements PostgresRequest {
  readonly kind = 'release';
  readonly fields: PostgresRequest['fields'];
  /** Rejects with LockStoreError. */
  readonly outcome: Promise<ReleaseOutcome>;
  #resolve!: (outcome: ReleaseOutcome) => void;
  #reject!: (error: LockStoreError) => void;

  constructor(
    readonly hold: PostgresHold,
    private readonly told: EndingTold | undefined,
  ) {
    this.fields = [hold.key, hold.ownerToken, hold.lastFencingToken, hold.lineage];
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Is never cancelled by the caller whose acquisition it ends. */
  wanted(): boolean {
    return true;
  }

  answered([code]: AnswerFields, { repeated }: { repeated: boolean }): void {
    this.#resolve(code === REFUSED ? { outcome: 'refused', ambiguous: repeated } : { outcome: 'released' });
  }

  failed({ error }: CallFailure): void {
    this.told?.onFailed();
    this.#reject(error);
  }
}
