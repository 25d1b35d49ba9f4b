import { leave, learn, queued } from './acquisition.js';
import type { Acquisition, Draft, Reply } from './world.js';

/** Seeded bugs of the client side: see client-rules.ts. */
export interface YieldBugs {
  readonly usesWhileItYields?: boolean;
  readonly yieldFailureWithoutUndo?: boolean;
  readonly refusedYieldWithoutUndo?: boolean;
  readonly keepForgetsFence?: boolean;
  readonly dropsItsPlace?: boolean;
  readonly deadlineFromReply?: boolean;
}

/** Cohort hand-off as a client does it: counting on, and the end of a slice, for the hold and for the new place. */
export class YieldRules {
  constructor(private readonly bugs: YieldBugs = {}) {}

  /** One more token, without a word to the store. */
  countOn(it: Draft<Acquisition>): void {
    it.used = Math.max(it.used, it.fence) + 1;
  }

  /** The end of a slice: the hold rests until the answer is there. */
  begin(it: Draft<Acquisition>): void {
    if (!this.bugs.usesWhileItYields) it.phase = 'yielding';
  }

  onReply(it: Draft<Acquisition>, reply: Reply): void {
    it.unsure = false;
    const rests = it.phase === 'yielding' || (it.phase === 'held' && this.bugs.usesWhileItYields === true);
    if (reply.code === 1) {
      if (!this.bugs.keepForgetsFence) learn(it, reply.fence, reply.lineage);
      if (!rests) return;
      it.phase = 'held';
      it.believes = reply.left - (this.bugs.deadlineFromReply ? 0 : reply.request.age);
      return;
    }
    // A poll that crossed the push may have queued it again: nobody waits at that place any more.
    if (rests) leave(it, it.member ? 1 : 0);
  }

  onReplyForPlace(it: Draft<Acquisition>, reply: Reply): void {
    const { code, request } = reply;
    it.asking = false;
    it.first = false;
    if (code === 1) leave(it, 0);
    // This copy has done nothing; an earlier one may have queued it.
    else if (code === -1) leave(it, request.repeated && !this.bugs.refusedYieldWithoutUndo ? 2 : 0);
    else if (code === 3 && this.bugs.dropsItsPlace) leave(it, 0);
    else if (it.phase !== 'asking') {
      if (!it.registered) it.ends = 2; // nobody waits at that place any more
    } else if (code === 2) queued(it, reply);
    else it.polled = false; // had been yielded before: ask what became of the place
  }

  /** No answer in time: nobody uses it any more, whatever the server has done. */
  onFailure(it: Draft<Acquisition>): void {
    leave(it, this.bugs.yieldFailureWithoutUndo ? 0 : 2);
  }

  onFailureForPlace(it: Draft<Acquisition>): void {
    it.asking = false;
    leave(it, this.bugs.yieldFailureWithoutUndo ? 0 : 2);
  }
}
