import { leaseDeadline } from '../../runtime/clock.js';
import { LockStoreError } from '../../lock-errors.js';
import type { Kept, Refused, Yielded } from '../lock-store.js';
import { SliceEnd, type SliceEndHome } from '../mechanics/slice-end.js';
import type { RedisAcquisition } from './redis-acquisition.js';
import type { RedisRequest } from './redis-carrier.js';
import { ASK_GATE } from './gate/gate-errors.js';
import type { RedisHold } from './redis-hold.js';
import type { ScriptReply } from './redis-link.js';

/** Answers of yield.lua. */
const KEPT = 1;
const YIELDED = 2;
const YIELDED_BEFORE = 3;

/** What a yield tells its store of the hold. */
export interface YieldHome extends SliceEndHome {
  /** The name is shared meanwhile: the end of the slice there. */
  atGate(): Promise<Kept | Yielded | Refused>;
}

/** The end of a slice at Redis. */
export class RedisYield extends SliceEnd<RedisHold> implements RedisRequest {
  readonly kind = 'yield';
  readonly terms: string;
  readonly own: readonly string[];

  constructor(
    hold: RedisHold,
    protected override readonly place: RedisAcquisition,
    protected override readonly home: YieldHome,
  ) {
    super(hold, place, home);
    this.terms = place.terms;
    this.own = [hold.yields, ...place.own];
  }

  answered(answer: ScriptReply, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    if (!this.heard()) return;
    const [code, fence, lineage, leftMs] = answer;
    if (code === ASK_GATE) {
      // An earlier copy may have passed the hold on, and queued us: nobody can tell in which place.
      if (repeated) return this.isUnknown(movedError(this.hold.name), true);
      this.endsAs(this.home.atGate());
    } else if (code === KEPT) {
      this.hold.learn(String(fence), String(lineage));
      this.kept(leaseDeadline(sentAtMs, Number(leftMs)));
    } else if (code === YIELDED) {
      this.place.queued(answer, sentAtMs);
      this.yielded();
    } else if (code === YIELDED_BEFORE) {
      this.yieldedBefore();
    } else {
      this.refused(repeated);
    }
  }
}

function movedError(lockName: string): LockStoreError {
  const message = `the outcome of yielding lock "${lockName}" is not known: a reply was lost, and the name is shared meanwhile`;
  return new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName });
}
