import { type ClockReading, readClocks } from '../runtime/clock.js';
import type { KeptHold } from '../holding/kept-hold.js';
import { unattended } from '../runtime/attempt.js';
import { CrowdLine } from './crowd-line.js';
import { RELEASED } from './line.js';
import type { OnSent, ReleaseOutcome } from '../stores/lock-store.js';

/**
 * Permits of a limit: each has a hold of its own, and this process one place in the store's queue for the next one. When a lease ends
 * and others wait here, its permit goes to the next one without a command, for one slice; then it goes back to the store.
 */
export class PermitLine extends CrowdLine {
  ended(kept: KeptHold, now: ClockReading, onSent?: OnSent): ReleaseOutcome | Promise<ReleaseOutcome> {
    const { head } = this.queue;
    const { leases, turns } = this.context;
    if (head === undefined || this.closed || !kept.suits(head.settings)) return this.release(kept, onSent);
    if (kept.isDoubtful(now) || kept.sliceIsOver(now.monotonicMs)) return this.release(kept, onSent);
    if (!turns.mayGoOn(now.monotonicMs)) {
      // Nobody has the permit then.
      turns.goOnLater(() => unattended(this.ended(kept, readClocks(this.context.clock))));
      return RELEASED;
    }
    this.queue.remove(head);
    const { fencingToken } = kept.hold;
    head.resolve(leases.handOn(kept, head, { fencingToken, now }));
    this.proceed(); // nobody may be left for whom our place is
    return RELEASED;
  }
}
