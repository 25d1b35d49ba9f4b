import type { OnSent, ReleaseOutcome } from '../lock-store.js';
import type { LockStoreError } from '../../lock-errors.js';
import type { EndingTold } from '../mechanics/endings.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { RedisRequest } from './redis-carrier.js';
import type { RedisHold } from './redis-hold.js';
import { milliseconds } from './redis-wire.js';
import type { ScriptReply } from './redis-link.js';

/** The answer of release.lua to who was not the owner. */
const REFUSED = -1;

/** One release on its way, of a hold or of a place in the queue. */
export class RedisRelease implements RedisRequest {
  readonly kind = 'release';
  readonly terms: string;
  readonly own: readonly string[];
  readonly sent: OnSent | undefined;
  /** Rejects with LockStoreError. */
  readonly outcome: Promise<ReleaseOutcome>;
  #resolve!: (outcome: ReleaseOutcome) => void;
  #reject!: (error: LockStoreError) => void;

  /** @param keepMs how long the trace of a clean release stays, in ms */
  constructor(
    readonly hold: RedisHold,
    keepMs: number,
    private readonly told: EndingTold | undefined,
  ) {
    this.sent = told?.onSent;
    this.terms = `${milliseconds(keepMs)} ${milliseconds(hold.queuedMs)}`;
    this.own = hold.ending;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Is never cancelled by the caller whose acquisition it ends. */
  wanted(): boolean {
    return true;
  }

  answered([code]: ScriptReply, { repeated }: { repeated: boolean }): void {
    this.#resolve(code === REFUSED ? { outcome: 'refused', ambiguous: repeated } : { outcome: 'released' });
  }

  failed({ error }: CallFailure): void {
    this.told?.onFailed();
    this.#reject(error);
  }
}
