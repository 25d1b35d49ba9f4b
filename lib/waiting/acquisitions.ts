import type { HeldLeases } from '../holding/held-leases.js';
import type { Lease } from '../holding/lease.js';
import type { SingleLease } from '../holding/single-lease.js';
import {
  describeValue,
  LockBusyError,
  reentrantError,
  smallerPermitError,
  unconfirmedError,
  weakerError,
} from '../lock-errors.js';
import { AlarmClock } from '../runtime/alarm-clock.js';
import { checkNames, describeNames, inOrder, type LockNames } from '../several-names.js';
import { withAncestors } from '../layers.js';
import { type AcquireOptions, type AcquireSettings, refuseWait } from '../acquire-options.js';
import { checkStore, type ManagerSettings, resolveAcquireOptions } from '../lock-options.js';
import { covers } from '../stores/lock-modes.js';
import type { Busy } from '../stores/lock-store.js';
import {
  endRounds,
  JointAcquisition,
  type OneByOne,
  type Wanted,
  type WantedTogether,
} from './joint-acquisition.js';
import type { Lines } from './lines.js';
import type { Refusals, RefusedCall } from './refusals.js';

/** What acquisitions need of their manager. */
export interface AcquisitionPlace {
  readonly leases: HeldLeases;
  readonly lines: Lines;
  /** @throws LockStoreError LOCK_CLOSED */
  refuseWhenClosed(): void;
  readonly refusals: Refusals;
}

type Verb = 'acquire' | 'tryAcquire';

/** From a request to a lease in its caller's hands: entered again, or through the line of its name; or several together. */
export class Acquisitions implements OneByOne {
  /** Of those who take several: ends a round that takes longer than its caller waits. */
  readonly #rounds: AlarmClock<JointAcquisition>;

  constructor(
    private readonly manager: ManagerSettings,
    private readonly place: AcquisitionPlace,
  ) {
    this.#rounds = new AlarmClock(manager.clock, endRounds);
  }

  /** Waits for its turn. Never throws at once. @throws as `LockManager.acquire` */
  acquire(given: LockNames, options: AcquireOptions | undefined): Promise<Lease> {
    try {
      const wanted = this.#wanted('acquire', given, options);
      return 'parts' in wanted ? this.#together(wanted) : this.take(wanted);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Asks once. null: somebody else has the lock. Never throws at once. @throws as `LockManager.tryAcquire` */
  async tryAcquire(given: LockNames, options: AcquireOptions | undefined): Promise<Lease | null> {
    const wanted = this.#wanted('tryAcquire', given, options);
    if ('parts' in wanted) return this.#tryTogether(wanted);
    try {
      const answer = await this.tryTake(wanted);
      if (!('outcome' in answer)) return answer;
    } catch (error) {
      this.#refused(wanted, error);
      throw error;
    }
    if (this.place.refusals.areHeard) this.place.refusals.busy(callOf(wanted));
    return null;
  }

  /** Everybody who waits keeps its variables: so there are few. */
  async take(wanted: Wanted): Promise<SingleLease> {
    try {
      const { leases, lines } = this.place;
      // Asked before anything else, closing too: whoever holds a lock is to finish.
      for (let outer = this.#outer(wanted); outer !== undefined; outer = this.#outer(wanted)) {
        const lease = await lines.within(outer).enter(wanted.settings, wanted.calledAtMs);
        if (lease !== undefined) return lease; // else what it waited for has ended
      }
      this.place.refuseWhenClosed();
      if (wanted.settings.waitMs === 0) return await this.#takeAtOnce(wanted);
      for (;;) {
        const lease = await lines.of(wanted.name, wanted.settings).wait(wanted.settings, wanted.calledAtMs);
        if (lease.kept.unconfirmed) await leases.confirm(lease, wanted.settings.waitMs);
        if (this.#handOut(wanted, lease)) return lease;
        this.place.refuseWhenClosed(); // it ended on its way: wait on, but those who wait were dismissed only once
      }
    } catch (error) {
      if (wanted.isPart !== true) this.#refused(wanted, error);
      throw error;
    }
  }

  async #takeAtOnce(wanted: Wanted): Promise<SingleLease> {
    const answer = await this.#tryOnce(wanted);
    if (!('outcome' in answer)) return answer;
    throw new LockBusyError(wanted.name, { retryAfterMs: answer.retryAfterMs });
  }

  async tryTake(wanted: Wanted): Promise<SingleLease | Busy> {
    const outer = this.#outer(wanted);
    if (outer !== undefined) {
      const lease = this.place.lines.within(outer).tryEnter(wanted.settings, wanted.calledAtMs);
      return lease ?? { outcome: 'busy', retryAfterMs: outer.remainingMs() };
    }
    this.place.refuseWhenClosed();
    return this.#tryOnce(wanted);
  }

  async #tryOnce(wanted: Wanted): Promise<SingleLease | Busy> {
    const { leases, lines } = this.place;
    const { name, settings, calledAtMs } = wanted;
    const lease = await lines.of(name, settings).tryOnce(settings, calledAtMs);
    if ('outcome' in lease) return lease;
    if (lease.kept.unconfirmed) await leases.confirm(lease, 0);
    if (this.#handOut(wanted, lease)) return lease;
    throw lease.lossError ?? unconfirmedError(name); // ended on its way: never run work with it
  }

  /** false: it ended on its way. Of several names the caller has none before it has all. */
  #handOut({ isPart }: Wanted, lease: SingleLease): boolean {
    return isPart === true ? !lease.isOver : this.place.leases.handOut(lease);
  }

  /** A function of its own: a closure in `acquire` would be kept by everybody who waits. */
  #wanted(verb: Verb, given: LockNames, options: AcquireOptions | undefined): Wanted | WantedTogether {
    const names = checkNames(given);
    const place = () => `${verb}(${typeof names === 'string' ? describeValue(names) : listed(names)})`;
    if (verb === 'tryAcquire') refuseWait(options, place);
    const settings = resolveAcquireOptions(this.manager, options, place);
    const calledAtMs = this.manager.clock.monotonicMs();
    if (settings.signal?.aborted === true) this.#leaveAtOnce(names, settings, calledAtMs);
    const isAlone = typeof names === 'string';
    if (isAlone && !(settings.layers && names.includes('/'))) return { name: names, settings, calledAtMs };
    const asked = inOrder(isAlone ? [{ name: names }] : names, settings, place);
    const parts = settings.layers ? withAncestors(asked, place) : asked;
    for (const { kind } of parts) if (kind !== settings) checkStore(kind, this.manager.store, place());
    const [only] = parts;
    if (parts.length > 1 || only === undefined) return { parts, settings, calledAtMs };
    return { name: only.name, settings: { ...settings, ...only.kind }, calledAtMs };
  }

  /** The caller had left before it came. @throws `signal.reason` */
  #leaveAtOnce(
    names: string | readonly { readonly name: string }[],
    settings: AcquireSettings,
    calledAtMs: number,
  ): never {
    const reason: unknown = settings.signal?.reason;
    const all = typeof names === 'string' ? [names] : [...new Set(names.map(({ name }) => name))];
    this.place.refusals.failed({ names: all, settings, calledAtMs }, reason);
    throw reason;
  }

  async #together(wanted: WantedTogether): Promise<Lease> {
    try {
      return await this.#joint(wanted).acquire();
    } catch (error) {
      this.#refused(wanted, error);
      throw error;
    }
  }

  async #tryTogether(wanted: WantedTogether): Promise<Lease | null> {
    try {
      const answer = await this.#joint(wanted).tryAcquire();
      if (!('at' in answer)) return answer;
      const busyName = wanted.parts[answer.at]?.name;
      if (this.place.refusals.areHeard) this.place.refusals.busy(callOf(wanted), busyName);
      return null;
    } catch (error) {
      this.#refused(wanted, error);
      throw error;
    }
  }

  #joint(wanted: WantedTogether): JointAcquisition {
    const { leases } = this.place;
    return new JointAcquisition(wanted, {
      one: this,
      leases,
      clock: this.manager.clock,
      rounds: this.#rounds,
    });
  }

  #refused(wanted: Wanted | WantedTogether, error: unknown): void {
    if (this.place.refusals.areHeard) this.place.refusals.failed(callOf(wanted), error);
  }

  /** The lease of the running call chain that is to be entered again. @throws LockUsageError LOCK_REENTRANT */
  #outer({ name, settings }: Wanted): SingleLease | undefined {
    const outer = this.place.leases.frames.innermost(name);
    if (outer === undefined) return undefined;
    if (!settings.reentrant) throw reentrantError(name);
    if (outer.limit !== undefined) {
      const fits = settings.limit !== undefined && settings.weight <= outer.weight;
      if (!fits) throw smallerPermitError(name, outer.weight);
    } else if (!covers(outer.access, settings.limit === undefined ? settings.mode : 'exclusive')) {
      throw weakerError(name, outer.access, settings.limit === undefined ? settings.mode : 'limit');
    }
    return outer;
  }
}

function callOf(wanted: Wanted | WantedTogether): RefusedCall {
  const names = 'parts' in wanted ? wanted.parts.map(({ name }) => name) : [wanted.name];
  return { names, settings: wanted.settings, calledAtMs: wanted.calledAtMs };
}

function listed(names: readonly { readonly name: string }[]): string {
  return describeNames(names.map(({ name }) => name));
}
