import { type ClockReading, readClocks } from '../runtime/clock.js';
import type { KeptHold } from '../holding/kept-hold.js';
import type { LeaseTaker } from '../holding/lease-keeper.js';
import type { SingleLease } from '../holding/single-lease.js';
import { CrowdLine } from './crowd-line.js';
import type { OnSent, ReleaseOutcome } from '../stores/lock-store.js';

/**
 * Readers: those of one process share one hold, so that a thousand of them cost the store one command. Who comes within the slice of
 * the newest hold joins it. Then the store is asked for another one, level-triggered: if a writer has queued meanwhile, it comes
 * first, the old hold ends with its last reader, and a writer waits no longer than for the longest section in progress and one slice.
 */
export class SharedLine extends CrowdLine {
  /** The one that newcomers join. */
  #newest: KeptHold | undefined;

  protected override share(taker: LeaseTaker): SingleLease | undefined {
    const kept = this.#newest;
    if (kept === undefined || this.closed || !kept.letsIn(taker.settings)) return undefined;
    const now = readClocks(this.context.clock);
    if (kept.sliceIsOver(now.monotonicMs) || kept.isDoubtful(now)) return undefined;
    if (this.context.writerWaits(this.name)) return undefined;
    const { fencingToken } = kept.hold;
    return this.context.leases.handOn(kept, taker, { fencingToken, now });
  }

  protected override began(lease: SingleLease): void {
    super.began(lease);
    this.#newest = lease.kept;
  }

  protected override forget(kept: KeptHold): void {
    super.forget(kept);
    if (this.#newest === kept) this.#newest = undefined;
  }

  ended(kept: KeptHold, _now: ClockReading, onSent?: OnSent): Promise<ReleaseOutcome> {
    return this.release(kept, onSent);
  }
}
