import { leaseDeadline } from '../../runtime/clock.js';
import { LockStoreError } from '../../lock-errors.js';
import type { Grant, Kept, OnSent, Refused, Yielded } from '../lock-store.js';
import type { RedisAcquisition } from './redis-acquisition.js';
import type { RedisRequest } from './redis-carrier.js';
import { ASK_GATE } from './gate/gate-errors.js';
import type { RedisHold } from './redis-hold.js';
import type { CallFailure } from '../mechanics/tries.js';
import type { ScriptReply } from './redis-link.js';

/** Answers of yield.lua. */
const KEPT = 1;
const YIELDED = 2;
const YIELDED_BEFORE = 3;

/** What a yield tells its store of the hold. */
export interface YieldHome {
  /** It is ours no more. */
  gone(): void;
  /** Nobody can tell whether it is: it must be ended. */
  unknown(): void;
  /** The name is shared meanwhile: the end of the slice there. */
  atGate(): Promise<Kept | Yielded | Refused>;
}

/**
 * The end of a cohort slice: the hold on its way to the next process, or back to us. The new place is an acquisition whose first
 * request this is.
 */
export class RedisYield implements RedisRequest {
  readonly kind = 'yield';
  readonly terms: string;
  readonly own: readonly string[];
  readonly outcome: Promise<Kept | Yielded | Refused>;
  readonly sent: OnSent | undefined;
  #resolve!: (answer: Kept | Yielded | Refused) => void;
  #reject!: (reason: unknown) => void;
  #isOver = false;

  constructor(
    readonly hold: RedisHold,
    private readonly place: RedisAcquisition,
    private readonly home: YieldHome,
  ) {
    this.sent = place.request.onSent;
    place.asked();
    this.terms = place.terms;
    this.own = [hold.yields, ...place.own];
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    place.outcome.catch(() => undefined); // it may fail before anybody is told that there is a new place
  }

  wanted(): boolean {
    return !this.#isOver;
  }

  answered(answer: ScriptReply, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    if (this.#isOver) return; // a push has told us: yielded, and granted again
    const [code, fence, lineage, leftMs] = answer;
    this.#isOver = true;
    if (code === ASK_GATE) {
      // An earlier copy may have passed the hold on, and queued us: nobody can tell in which place.
      if (repeated) return this.#isUnknown(movedError(this.hold.name), true);
      this.place.withdraw();
      this.home.atGate().then(this.#resolve, this.#reject);
    } else if (code === KEPT) {
      this.hold.learn(String(fence), String(lineage));
      this.place.withdraw();
      this.#resolve({ outcome: 'kept', deadlineMs: leaseDeadline(sentAtMs, Number(leftMs)) });
    } else if (code === YIELDED) {
      this.place.queued(answer, sentAtMs);
      this.#yielded();
    } else if (code === YIELDED_BEFORE) {
      this.place.queuedBefore();
      this.#yielded();
    } else {
      this.home.gone();
      // This copy did nothing; an earlier one may have yielded and queued us before the hold of the next one ran out.
      if (repeated) this.place.giveUp(new Error('the hold was lost while it was yielded'), true);
      else this.place.withdraw();
      this.#resolve({ outcome: 'refused', ambiguous: repeated });
    }
  }

  /** A push granted our new place before the reply came: so the hold was yielded. */
  overtaken(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#yielded();
  }

  failed({ error, mayHaveRun }: CallFailure): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isUnknown(error, mayHaveRun);
  }

  #isUnknown(error: LockStoreError, mayHaveRun: boolean): void {
    this.home.gone();
    this.#reject(error);
    this.home.unknown();
    this.place.giveUp(error, mayHaveRun);
  }

  #yielded(): void {
    this.home.gone();
    this.#resolve({ outcome: 'yielded', granted: this.place.outcome as Promise<Grant> });
  }
}

function movedError(lockName: string): LockStoreError {
  const message = `the outcome of yielding lock "${lockName}" is not known: a reply was lost, and the name is shared meanwhile`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName });
}
