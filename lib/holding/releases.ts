import { type Clock, readClocks } from '../runtime/clock.js';
import { isThenable } from '../runtime/thenable.js';
import { LockStoreError } from '../lock-errors.js';
import type { LeaseEvent, LockAudience } from '../lock-events.js';
import { isIntention } from '../stores/lock-modes.js';
import type { OnSent, ReleaseOutcome, StoreCapabilities } from '../stores/lock-store.js';
import type { Lease } from './lease.js';
import type { SingleLease } from './single-lease.js';
import type { Ending } from './lease-keeper.js';

/** How leases are given back: with an answer, or on its way (`release: 'sent'`), and then the answer comes to nobody but the events. */
export class Releases {
  readonly #maySend: boolean;
  /** How many are asked for whose caller goes on without their answer. */
  #underWay = 0;
  #onAllOver: (() => void) | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly audience: LockAudience,
    capabilities: StoreCapabilities,
  ) {
    this.#maySend = capabilities.releases === 'sent';
  }

  /** The lease is used no more. A promise when the store has to be asked. */
  end(lease: SingleLease, onSent?: OnSent): Ending | Promise<Ending> {
    const { kept } = lease;
    const now = readClocks(this.clock);
    const inTime = lease.remainingAt(now) > 0; // by the wall clock too: a machine that slept may be late without knowing
    if (!inTime && !lease.active) return 'lost';
    lease.markReleased();
    if (kept.lease !== undefined) {
      // Others use it: it goes with the last of them. Those of one call chain are one lock to whoever listens.
      if (!kept.leases.some(({ outermost }) => outermost === lease.outermost)) this.#tellReleased(lease);
      return 'released';
    }
    const failed = (error: unknown) => {
      this.audience.emit('releaseFailed', { ...describe(lease), error: error as LockStoreError });
      throw error;
    };
    const outcome = kept.owner.ended(kept, now, onSent);
    if (!isThenable(outcome)) return this.#answered(lease, outcome, inTime);
    return outcome.then((answer) => this.#answered(lease, answer, inTime), failed);
  }

  /** Never was in its caller's hands, so no event tells of it. Never rejects: what cannot be given back runs out. */
  async giveBack(lease: SingleLease): Promise<void> {
    const { kept } = lease;
    if (!lease.active) return;
    lease.markReleased();
    if (kept.lease !== undefined) return; // it was entered again: what others are inside of is theirs
    await Promise.resolve(kept.owner.ended(kept, readClocks(this.clock))).catch(() => undefined);
  }

  /** As {@link end}, for a work that is over: `sent` as soon as the release is on its way, if that is enough for the caller. */
  letGo(lease: Lease): Ending | Promise<Ending | 'sent'> {
    // In doubt, only the store can say whether the work's result is one of a lock that was ours.
    if (!lease.sends || !this.#maySend || lease.isDoubted) return lease.end();
    let isSent = false;
    let goOn: ((ending: 'sent') => void) | undefined;
    const ended = lease.end(() => {
      isSent = true;
      goOn?.('sent');
    });
    if (!isThenable(ended)) return ended;
    this.#underWay += 1;
    return new Promise((resolve, reject) => {
      goOn = resolve;
      if (isSent) resolve('sent');
      ended.then(
        (ending) => (this.#over(), resolve(ending)),
        (error: unknown) => (this.#over(), reject(error as Error)), // an event has told it
      );
    });
  }

  /** Resolves when none is on its way any more. */
  allOver(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve();
    return new Promise((resolve) => (this.#onAllOver = resolve));
  }

  #over(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#onAllOver?.();
  }

  #answered(lease: SingleLease, outcome: ReleaseOutcome, inTime: boolean): Ending {
    if (outcome.outcome === 'released') {
      this.#tellReleased(lease);
      return 'released';
    }
    if (outcome.ambiguous && inTime) {
      this.#warnOfRefusal(lease);
      return 'released';
    }
    lease.markReleaseRefused();
    return 'lost';
  }

  #tellReleased(lease: SingleLease): void {
    if (this.audience.has('released') && !isIntention(lease.access))
      this.audience.emit('released', { ...describe(lease), heldMs: lease.heldMs });
  }

  /** An earlier try of this release got no answer and may have been executed; it was sent in time, so nothing was lost. */
  #warnOfRefusal(lease: SingleLease): void {
    const message = `the release of lock "${lease.name}" was repeated after a lost reply and then refused; probably the first try had ended it`;
    const error = new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: lease.name });
    this.audience.emit('releaseFailed', { ...describe(lease), error });
  }
}

/** What every event tells of a hold, whoever of its call chain speaks for it now. */
export function describe({ name, outermost, fencingToken }: SingleLease): LeaseEvent {
  const { label, access: mode } = outermost;
  return { name, label, mode, fencingToken };
}
