import type { HeldLeases } from '../holding/held-leases.js';
import type { SingleLease } from '../holding/single-lease.js';
import {
  describeValue,
  LockBusyError,
  reentrantError,
  smallerPermitError,
  unconfirmedError,
  weakerError,
} from '../lock-errors.js';
import { singleName } from '../lock-name.js';
import { type AcquireOptions, type AcquireSettings, refuseWait } from '../acquire-options.js';
import { type ManagerSettings, resolveAcquireOptions } from '../lock-options.js';
import type { Lines } from './lines.js';

/** What somebody asks for, checked. */
interface Wanted {
  /** Canonical. */
  readonly name: string;
  readonly settings: AcquireSettings;
  /** Monotonic: what `waitMs` counts from. */
  readonly calledAtMs: number;
}

/** What acquisitions need of their manager. */
export interface AcquisitionPlace {
  readonly leases: HeldLeases;
  readonly lines: Lines;
  /** @throws LockStoreError LOCK_CLOSED */
  refuseWhenClosed(): void;
}

type Name = string | readonly string[];

/** From a request to a lease in its caller's hands: entered again, or through the line of its name. */
export class Acquisitions {
  constructor(
    private readonly manager: ManagerSettings,
    private readonly place: AcquisitionPlace,
  ) {}

  /** Waits for its turn. @throws as `LockManager.acquire` */
  async acquire(given: Name, options: AcquireOptions | undefined): Promise<SingleLease> {
    const { leases, lines } = this.place;
    const wanted = this.#wanted('acquire', given, options);
    const { name, settings, calledAtMs } = wanted;
    // Asked before anything else, closing too: whoever holds a lock is to finish.
    for (let outer = this.#outer(wanted); outer !== undefined; outer = this.#outer(wanted)) {
      const lease = await lines.within(outer).enter(settings, calledAtMs);
      if (lease !== undefined) return lease; // else what it waited for has ended
    }
    this.place.refuseWhenClosed();
    if (settings.waitMs === 0) {
      const answer = await this.#tryOnce(wanted);
      if (!('outcome' in answer)) return answer;
      throw new LockBusyError(name, { retryAfterMs: answer.retryAfterMs });
    }
    for (;;) {
      const lease = await lines.of(name, settings).wait(settings, calledAtMs);
      if (lease.kept.unconfirmed) await leases.confirm(lease, settings.waitMs);
      if (leases.handOut(lease)) return lease;
      this.place.refuseWhenClosed(); // it ended on its way: wait on, but those who wait were dismissed only once
    }
  }

  /** Asks once. null: somebody else has the lock. @throws as `LockManager.tryAcquire` */
  async tryAcquire(given: Name, options: AcquireOptions | undefined): Promise<SingleLease | null> {
    const wanted = this.#wanted('tryAcquire', given, options);
    const outer = this.#outer(wanted);
    if (outer !== undefined)
      return this.place.lines.within(outer).tryEnter(wanted.settings, wanted.calledAtMs) ?? null;
    this.place.refuseWhenClosed();
    const answer = await this.#tryOnce(wanted);
    return 'outcome' in answer ? null : answer;
  }

  async #tryOnce({ name, settings, calledAtMs }: Wanted) {
    const { leases, lines } = this.place;
    const lease = await lines.of(name, settings).tryOnce(settings, calledAtMs);
    if ('outcome' in lease) return lease;
    if (lease.kept.unconfirmed) await leases.confirm(lease, 0);
    if (leases.handOut(lease)) return lease;
    throw lease.lossError ?? unconfirmedError(name); // ended on its way: never run work with it
  }

  /** A function of its own: a closure in `acquire` would be kept by everybody who waits. */
  #wanted(verb: 'acquire' | 'tryAcquire', given: Name, options: AcquireOptions | undefined): Wanted {
    const name = singleName(given);
    const place = () => `${verb}(${describeValue(name)})`;
    if (verb === 'tryAcquire') refuseWait(options, place);
    const settings = resolveAcquireOptions(this.manager, options, place);
    if (settings.signal?.aborted === true) throw settings.signal.reason;
    return { name, settings, calledAtMs: this.manager.clock.monotonicMs() };
  }

  /** The lease of the running call chain that is to be entered again. @throws LockUsageError LOCK_REENTRANT */
  #outer({ name, settings }: Wanted): SingleLease | undefined {
    const outer = this.place.leases.frames.innermost(name);
    if (outer === undefined) return undefined;
    if (!settings.reentrant) throw reentrantError(name);
    if (outer.limit !== undefined) {
      const fits = settings.limit !== undefined && settings.weight <= outer.weight;
      if (!fits) throw smallerPermitError(name, outer.weight);
    } else if (outer.mode !== 'exclusive' && (settings.mode !== 'shared' || settings.limit !== undefined)) {
      throw weakerError(name, outer.mode, settings.limit === undefined ? settings.mode : 'limit');
    }
    return outer;
  }
}
