import { leave, learn, older, over, queued } from './acquisition.js';
import type { Acquisition, Draft, Push, Reply, Request } from './world.js';
import { type YieldBugs, YieldRules } from './yield-rules.js';

/** Seeded bugs of the client side; none in the real one. Each must be found by the checker, or it checks nothing. */
export interface ClientBugs extends YieldBugs {
  readonly pushDeadlineFromArrival?: boolean;
  readonly trustsOldPush?: boolean;
  readonly neverPolls?: boolean;
  readonly forgetsNewerGrant?: boolean;
  readonly memberOnlyWhenNotHeld?: boolean;
  readonly abortWithoutUndo?: boolean;
  readonly failureWithoutUndo?: boolean;
  readonly forcedWithoutEnd?: boolean;
}

/**
 * What a client does when something reaches it, after lib/stores/redis/redis-acquisition.ts, redis-store.ts, endings.ts and
 * lib/holding/held-leases.ts. Whoever changes those changes this.
 */
export class ClientRules {
  readonly yields: YieldRules;

  constructor(private readonly bugs: ClientBugs = {}) {
    this.yields = new YieldRules(bugs);
  }

  get polls(): boolean {
    return this.bugs.neverPolls !== true;
  }

  onReply(it: Draft<Acquisition>, reply: Reply): void {
    const { request, code } = reply;
    if (request.does === 'acquire') this.#onAcquireReply(it, reply);
    if (request.does === 'renew') this.#onRenewReply(it, reply);
    if (request.does === 'yield') this.yields.onReply(it, reply);
    if (request.does === 'release') {
      it.ending = false;
      if (request.purpose === 'end') it.ends = Math.max(0, it.ends - 1);
      if (request.purpose === 'bare') it.bareEnds = 0;
    }
    if (code !== 1) return;
    this.#dropDeadGrant(it);
  }

  /** The call ended without an answer; its request may be executed all the same. */
  onFailure(it: Draft<Acquisition>, request: Request): void {
    if (request.does !== 'release') it.unsure = true;
    if (request.does === 'renew') it.renewing = false;
    if (request.does === 'yield') this.yields.onFailure(it);
    if (request.does === 'release') {
      it.ending = false;
      if (request.purpose === 'release') it.ends = Math.max(it.ends, 1);
    }
    if (request.does !== 'acquire') return;
    it.asking = false;
    if (it.phase === 'asking' && !it.first && it.waits) return; // a poll that fails does not end the wait
    if (it.phase === 'asking') leave(it, 0);
    if (!it.registered && !this.bugs.failureWithoutUndo) it.ends = 2;
  }

  onPush(it: Draft<Acquisition>, push: Push): void {
    if (push.woken) {
      it.polled = false; // asks for itself, at once
      return;
    }
    if (push.forced) {
      it.registered = false;
      it.condemned = true;
      this.#dropDeadGrant(it);
      return;
    }
    if (!it.registered) {
      it.bareEnds = 1;
      return;
    }
    // Older than our last reply, which said «queued»: that grant ran out before the push came, and we wait again.
    if (push.grantedUs < it.heardUs && !this.bugs.trustsOldPush) return;
    learn(it, push.fence, push.lineage);
    if (it.phase !== 'asking') return;
    // After the last answered request was executed, by as much as the server's clock says; else after we first asked.
    const age = it.heardUs === 0 ? it.age : it.lag + (push.grantedUs < it.heardUs ? 0 : push.age);
    it.believes = this.bugs.pushDeadlineFromArrival ? 1 : Math.max(0, 1 - age);
    it.phase = 'held';
    this.#dropDeadGrant(it);
  }

  cancel(it: Draft<Acquisition>): void {
    leave(it, this.bugs.abortWithoutUndo ? 0 : 1);
  }

  release(it: Draft<Acquisition>): void {
    leave(it, 0);
  }

  /** A tick: does its deadline pass? */
  onTick(it: Draft<Acquisition>): void {
    older(it);
    if (it.believes === 0) return;
    it.believes -= 1;
    if (it.believes === 0 && it.phase === 'held') this.#expire(it);
  }

  /** The bytes of the next end, as they are known now. */
  endOf(
    it: Acquisition,
    purpose: Request['purpose'],
  ): Pick<Request, 'fence' | 'lineage' | 'used' | 'member'> {
    if (purpose === 'bare') return { fence: 0, lineage: 0, used: 0, member: false };
    const names = it.member && !(this.bugs.memberOnlyWhenNotHeld && it.fence > 0);
    return { fence: it.fence, lineage: it.lineage, used: it.used, member: names };
  }

  #onAcquireReply(it: Draft<Acquisition>, reply: Reply): void {
    const { code } = reply;
    it.asking = false;
    it.first = false;
    if (code === 1 && (it.phase === 'asking' || !this.bugs.forgetsNewerGrant))
      learn(it, reply.fence, reply.lineage);
    if (it.phase !== 'asking') {
      if (!it.registered) it.ends = 2; // it may have taken the lock, or a place, for nobody
      return;
    }
    if (code === 1) {
      it.phase = 'held';
      it.believes = reply.left - (this.bugs.deadlineFromReply ? 0 : reply.request.age);
    } else if (code === 2) queued(it, reply);
    else leave(it, 0);
  }

  #onRenewReply(it: Draft<Acquisition>, reply: Reply): void {
    it.renewing = false;
    it.unsure = false;
    if (reply.code === 1) {
      if (reply.fence > 0) learn(it, reply.fence, reply.lineage);
      if (it.phase === 'held')
        it.believes = reply.left - (this.bugs.deadlineFromReply ? 0 : reply.request.age);
      return;
    }
    it.registered = false;
    if (it.member) it.ends = Math.max(it.ends, 1);
    if (it.phase === 'held') over(it);
  }

  /** The answer was slower than the lease it granted, or slower than the news of its end by force. */
  #dropDeadGrant(it: Draft<Acquisition>): void {
    if (it.phase !== 'held') return;
    if (it.condemned && this.bugs.forcedWithoutEnd) over(it);
    else if (it.condemned || it.believes <= 0) this.#expire(it);
  }

  #expire(it: Draft<Acquisition>): void {
    leave(it, 1);
  }
}
