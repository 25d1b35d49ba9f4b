import { leaseDeadline } from '../../runtime/clock.js';
import { SliceEnd, type SliceEndHome } from '../mechanics/slice-end.js';
import type { PostgresAcquisition } from './postgres-acquisition.js';
import type { AnswerFields, PostgresRequest } from './postgres-carrier.js';
import type { PostgresHold } from './postgres-hold.js';

/** Answers of yield_v1. */
const KEPT = '1';
const YIELDED = '2';
const YIELDED_BEFORE = '3';

/** The end of a slice at PostgreSQL. */
export class PostgresYield extends SliceEnd<PostgresHold> implements PostgresRequest {
  readonly kind = 'yield';
  readonly fields: PostgresRequest['fields'];

  constructor(
    hold: PostgresHold,
    protected override readonly place: PostgresAcquisition,
    home: SliceEndHome,
  ) {
    super(hold, place, home);
    const { key, ownerToken, fencingToken, lineage, lastFencingToken } = hold;
    const { ownerToken: next, leaseMs, label } = place.hold;
    this.fields = [key, ownerToken, fencingToken, lineage, lastFencingToken, next, leaseMs, label];
  }

  answered(answer: AnswerFields, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    if (!this.heard()) return;
    const [code, fence, lineage, leftMs] = answer;
    if (code === KEPT) {
      const { hold } = this;
      hold.learn(Number(fence), Number(lineage));
      hold.leaseMs = Math.max(hold.leaseMs, this.place.hold.leaseMs);
      hold.deadlineMs = leaseDeadline(sentAtMs, Number(leftMs));
      this.kept(hold.deadlineMs);
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
