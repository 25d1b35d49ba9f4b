import type { AcquireSettings } from '../acquire-options.js';
import { listenTo } from '../caller-signal.js';
import type { HeldLeases } from '../holding/held-leases.js';
import type { JointLease } from '../holding/joint-lease.js';
import type { SingleLease } from '../holding/single-lease.js';
import { LockBusyError, LockLostError } from '../lock-errors.js';
import type { AlarmClock, Sleeper } from '../runtime/alarm-clock.js';
import type { Clock } from '../runtime/clock.js';
import { Stop } from '../runtime/stop-signal.js';
import type { OrderedName } from '../several-names.js';
import { firstOvertaken, type Part, tokensDoNotRise } from './tokens-above.js';
import type { Busy } from '../stores/lock-store.js';
import { WaitReport } from './wait-report.js';

/** What somebody asks for, checked. */
export interface Wanted {
  /** Canonical. */
  readonly name: string;
  readonly settings: AcquireSettings;
  /** Monotonic: what `waitMs` counts from. */
  readonly calledAtMs: number;
  /** One of several: nobody is told that it was acquired before all of them are. */
  readonly isPart?: true;
}

/** What somebody asks for, all of it or none, checked. */
export interface WantedTogether {
  /** Each name once, in the order in which everybody takes them. */
  readonly parts: readonly OrderedName[];
  readonly settings: AcquireSettings;
  readonly calledAtMs: number;
}

/** How one name is taken. */
export interface OneByOne {
  /** Waits for its turn. @throws as `LockManager.acquire` */
  take(wanted: Wanted): Promise<SingleLease>;
  /** Asks once. @throws as `LockManager.tryAcquire` */
  tryTake(wanted: Wanted): Promise<SingleLease | Busy>;
}

/** What those who take several names need of their manager. */
export interface JointPlace {
  readonly one: OneByOne;
  readonly leases: HeldLeases;
  readonly clock: Clock;
  readonly rounds: AlarmClock<JointAcquisition>;
}

/** Once is enough, unless what stands above is lost meanwhile. */
const MOST_OVERTAKEN = 5;

/** The first name in order that is not ours. */
export interface Missing {
  readonly at: number;
  readonly retryAfterMs: number;
}

/**
 * One acquisition of several names, all of them or none.
 *
 * First an optimistic round: each name is asked for once, all at the same time, which is one command of a store that batches. If one of
 * them is somebody else's, we keep what comes before it in the order of names, give back what comes after it, wait for it in its queue,
 * and then ask for the rest again. So whoever waits holds only names that come before the one it waits for. All who take several follow
 * one order, and therefore no circle of them can wait for each other (Havender, «Avoiding deadlock in multitasking systems», 1968); each
 * name is waited for at most once, unless one is lost meanwhile.
 */
export class JointAcquisition implements Sleeper {
  alarmAtMs = Infinity;
  alarmIndex = 0;
  /** Ends every request: the caller's signal, or the end of its wait in the middle of a round. */
  readonly #stop = new Stop();
  readonly #report = new WaitReport();
  readonly #parts: readonly Part[];
  /** How often a token was not high enough. */
  #overtaken = 0;
  /** Some were held, and not renewed, while another was waited for. */
  #haveAged = false;

  constructor(
    private readonly asked: WantedTogether,
    private readonly place: JointPlace,
  ) {
    const { parts, settings, calledAtMs } = asked;
    this.#parts = parts.map(({ name, kind, isAncestor = false }) => {
      // The bound counts when all are there.
      const own = { ...settings, ...kind, signal: this.#stop, maxHoldMs: Infinity };
      const asPart = isAncestor ? { ...own, reentrant: true } : own;
      return { wanted: { name, settings: asPart, calledAtMs, isPart: true }, isAncestor, lease: undefined };
    });
  }

  /** Waits until all are ours, at most `waitMs`. @throws as `LockManager.acquire`; then nothing is locked */
  async acquire(): Promise<JointLease> {
    const answer = await this.#run(this.asked.settings.waitMs > 0);
    if (!('at' in answer)) return answer;
    throw new LockBusyError(this.#nameAt(answer.at), { retryAfterMs: answer.retryAfterMs });
  }

  /** One round. {@link Missing}: somebody else has that one of them. @throws as `LockManager.tryAcquire`; then nothing is locked */
  tryAcquire(): Promise<JointLease | Missing> {
    return this.#run(false);
  }

  /** A round takes longer than its caller waits. */
  overdue(): void {
    const { settings } = this.asked;
    const at = this.#parts.findIndex(isMissing);
    this.#stop.abort(
      this.#report.tooLate(this.#nameAt(Math.max(0, at)), settings, this.place.clock.monotonicMs()),
    );
  }

  async #run(waits: boolean): Promise<JointLease | Missing> {
    const { settings } = this.asked;
    const { signal } = settings;
    const leave = signal && (() => this.#stop.abort(signal.reason));
    try {
      if (signal !== undefined && leave !== undefined) listenTo(signal, leave, this.#nameAt(0));
      const missing = waits ? await this.#takeAll() : await this.#askAll();
      if (missing === undefined) return this.place.leases.join(this.#leases(), this.#ancestors(), this.asked);
      await this.#giveBackFrom(0);
      return missing;
    } catch (error) {
      const givenBack = this.#giveBackFrom(0);
      // Who waited is not kept any longer. For others it is part of the answer that nothing is locked, as with one name.
      if (!waits && !this.#stop.aborted) await givenBack;
      throw error;
    } finally {
      if (leave !== undefined) signal?.removeEventListener('abort', leave);
    }
  }

  /** Returns when all are ours. */
  async #takeAll(): Promise<undefined> {
    for (;;) {
      const missing = await this.#inTime(() => this.#askRest());
      if (missing !== undefined) await this.#waitFor(missing.at);
      else if (this.#haveAged) await this.#renew();
      else if (!(await this.#giveBackOvertaken())) return;
    }
  }

  /** One round; another one where a token was not high enough. */
  async #askAll(): Promise<Missing | undefined> {
    const missing = await this.#askRest();
    return missing === undefined && (await this.#giveBackOvertaken()) ? this.#askRest() : missing;
  }

  /**
   * @returns was any token not high enough? Then its name is to be asked for again
   * @throws LockStoreError when that does not help: the store does not keep its tokens
   */
  async #giveBackOvertaken(): Promise<boolean> {
    const first = this.asked.settings.layers ? firstOvertaken(this.#parts) : -1;
    if (first === -1) return false;
    this.#overtaken += 1;
    if (this.#overtaken > MOST_OVERTAKEN) throw tokensDoNotRise(this.#nameAt(first));
    await this.#giveBackFrom(first); // and what comes after it: who waits keeps the order
    return true;
  }

  /** Asks once for each that is not ours, all at the same time. undefined: all are ours now. */
  async #askRest(): Promise<Missing | undefined> {
    const missing = this.#parts.filter(isMissing);
    const busy = new Map<Part, Busy>();
    const errors: unknown[] = [];
    const ask = async (part: Part) => {
      const answer = await this.place.one.tryTake(part.wanted);
      if ('outcome' in answer) busy.set(part, answer);
      else part.lease = answer;
    };
    const answers = await Promise.allSettled(missing.map(ask));
    for (const answer of answers) {
      // Ended by force on its way: it is not ours, as if somebody else had it.
      if (answer.status === 'rejected' && !(answer.reason instanceof LockLostError))
        errors.push(answer.reason);
    }
    if (errors.length > 0) throw errors[0];
    const at = this.#parts.findIndex(isMissing);
    const part = this.#parts[at];
    return part && { at, retryAfterMs: busy.get(part)?.retryAfterMs ?? 0 };
  }

  /** Never while we hold one that comes after it. */
  async #waitFor(at: number): Promise<void> {
    void this.#giveBackFrom(at + 1);
    const part = this.#parts[at]!;
    part.lease = await this.place.one.take(part.wanted);
    if (at > 0 && !part.wanted.settings.renew) this.#haveAged = true;
  }

  /** Those that are not renewed by themselves begin their time when the caller has all. */
  async #renew(): Promise<void> {
    this.#haveAged = false;
    const { calledAtMs, settings } = this.asked;
    const leftMs = calledAtMs + settings.waitMs - this.place.clock.monotonicMs();
    await this.place.leases.freshen(this.#leases(), leftMs);
  }

  /** A round of requests, which nobody else ends in time: a wait in a line ends by itself. */
  async #inTime<T>(work: () => Promise<T>): Promise<T> {
    const { rounds, clock } = this.place;
    this.#report.asked(clock.monotonicMs());
    rounds.set(this, this.asked.calledAtMs + this.asked.settings.waitMs);
    try {
      return await work();
    } finally {
      rounds.clear(this);
    }
  }

  /** In one turn, so that they travel together. Never rejects. */
  async #giveBackFrom(at: number): Promise<void> {
    const givenBack: Promise<void>[] = [];
    for (const part of this.#parts.slice(at)) {
      if (part.lease === undefined) continue;
      givenBack.push(this.place.leases.releases.giveBack(part.lease));
      part.lease = undefined;
    }
    await Promise.all(givenBack);
  }

  #leases(): SingleLease[] {
    return this.#parts.flatMap(({ lease }) => lease ?? []);
  }

  #ancestors(): ReadonlySet<string> {
    return new Set(this.#parts.flatMap(({ isAncestor, wanted }) => (isAncestor ? [wanted.name] : [])));
  }

  #nameAt(at: number): string {
    return this.#parts[at]?.wanted.name ?? '';
  }
}

function isMissing({ lease }: Part): boolean {
  return lease === undefined || lease.isOver;
}

/** For the alarm clock of all rounds. */
export function endRounds(late: readonly JointAcquisition[]): void {
  for (const acquisition of late) acquisition.overdue();
}
