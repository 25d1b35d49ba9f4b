import type { LockLostError } from '../lock-errors.js';
import { severalNamesError } from '../several-names.js';
import { isThenable } from '../runtime/thenable.js';
import { newAbort } from '../runtime/stop-signal.js';
import type { LockMode, OnSent } from '../stores/lock-store.js';
import { Lease } from './lease.js';
import type { Ending, LeaseKeeper, LeaseStart, LeaseState } from './lease-keeper.js';
import type { SingleLease } from './single-lease.js';

/** From the best to the worst; a lease on several names is what the worst of its parts is. */
const STATES: readonly LeaseState[] = ['released', 'held', 'uncertain', 'lost'];
/** From the one that lets most in to the one that lets nobody in. */
const MODES: readonly LockMode[] = ['shared', 'upgradeable', 'exclusive'];

/**
 * A lease on several names: one right, made of a lease on each. The loss of one is the loss of all, because the work counts on all of
 * them; those that are still held stay so until the work has ended, so that nobody comes in between.
 */
export class JointLease extends Lease {
  readonly label: string;
  readonly leaseMs: number;
  readonly renews: boolean;
  readonly waitedMs: number;
  readonly sends: boolean;
  readonly #keeper: LeaseKeeper;
  /** By name, in the order in which they are taken. */
  readonly #parts: ReadonlyMap<string, SingleLease>;
  readonly #startedAtMs: number;
  #loss: LockLostError | undefined;
  #abort: AbortController | undefined;
  #ending: Ending | Promise<Ending> | undefined;

  /** @internal */
  constructor(
    keeper: LeaseKeeper,
    parts: readonly SingleLease[],
    { taker, now }: Pick<LeaseStart, 'taker' | 'now'>,
  ) {
    super();
    const { settings } = taker;
    this.#keeper = keeper;
    this.#parts = new Map(parts.map((part) => [part.name, part]));
    this.#startedAtMs = now.wallMs;
    this.label = settings.label;
    this.leaseMs = settings.leaseMs;
    this.renews = parts.every(({ renews }) => renews);
    this.sends = settings.release === 'sent';
    this.waitedMs = now.monotonicMs - taker.calledAtMs;
    for (const part of parts) part.whenLost(() => this.#lose(part));
  }

  /** There is none for all of them: a text that joins them would be the name of another lock. */
  get name(): string {
    throw severalNamesError(this.names, 'name', 'names');
  }

  get names(): readonly string[] {
    return [...this.#parts.keys()];
  }

  /** Of a mode for each name, the one that lets fewest in. */
  get mode(): LockMode {
    return worst(MODES, this.#leases, ({ mode }) => mode);
  }

  /** There is none for all of them: the largest would make a resource refuse valid writers of the other names. */
  get fencingToken(): number {
    throw severalNamesError(this.names, 'fencingToken', 'fencingTokens.get(name)');
  }

  get fencingTokens(): ReadonlyMap<string, number> {
    return new Map(this.#leases.map(({ name, fencingToken }) => [name, fencingToken]));
  }

  get acquiredAt(): Date {
    return new Date(this.#startedAtMs);
  }

  get state(): LeaseState {
    return worst(STATES, this.#leases, ({ state }) => state);
  }

  get signal(): AbortSignal {
    return (this.#abort ??= newAbort(this.#loss)).signal;
  }

  remainingMs(): number {
    return this.#leases.reduce((least, part) => Math.min(least, part.remainingMs()), Infinity);
  }

  assertHeld(): void {
    if (this.state === 'lost' && this.#loss !== undefined) throw this.#loss;
    for (const part of this.#leases) part.assertHeld();
  }

  extend(ms: number = this.leaseMs): Promise<void> {
    return this.#keeper.extend(this.#leases, ms);
  }

  using<T>(work: (lease: Lease) => T | PromiseLike<T>): Promise<T> {
    return this.#keeper.run(this, work);
  }

  upgrade(): Promise<void> {
    return Promise.reject(severalNamesError(this.names, 'upgrade', 'upgrade() of a lease on one name'));
  }

  downgrade(): Promise<void> {
    return Promise.reject(severalNamesError(this.names, 'downgrade', 'downgrade() of a lease on one name'));
  }

  end(onSent?: OnSent): Ending | Promise<Ending> {
    return (this.#ending ??= this.#endAll(onSent));
  }

  partOn(name: string): SingleLease | undefined {
    return this.#parts.get(name);
  }

  get isDoubted(): boolean {
    return this.#leases.some(({ isDoubted }) => isDoubted);
  }

  get lossError(): LockLostError | undefined {
    return this.#loss;
  }

  get #leases(): SingleLease[] {
    return [...this.#parts.values()];
  }

  /** The first loss speaks for all: it says which name it was. */
  #lose({ lossError }: SingleLease): void {
    if (this.#loss !== undefined) return;
    this.#loss = lossError;
    this.#abort?.abort(lossError);
  }

  /** All in one turn, so that they travel together. Sent is it when each of them is. */
  #endAll(onSent: OnSent | undefined): Ending | Promise<Ending> {
    const unsent = new Set(this.#leases);
    const sent = (part: SingleLease) => {
      if (unsent.delete(part) && unsent.size === 0) onSent?.();
    };
    const endings = this.#leases.map((part) => {
      const ending = part.end(onSent && (() => sent(part)));
      if (!isThenable(ending)) sent(part);
      return ending;
    });
    return endings.some(isThenable) ? worstOf(endings) : endingOf(endings as Ending[]);
  }
}

async function worstOf(endings: readonly (Ending | Promise<Ending>)[]): Promise<Ending> {
  const settled = await Promise.allSettled(endings.map((ending) => Promise.resolve(ending)));
  const ending = endingOf(settled.flatMap((one) => (one.status === 'fulfilled' ? one.value : [])));
  const failed = settled.find((one) => one.status === 'rejected');
  if (ending === 'lost' || failed === undefined) return ending; // that one was lost is known, whatever became of the others
  throw failed.reason;
}

function endingOf(endings: readonly Ending[]): Ending {
  return endings.includes('lost') ? 'lost' : 'released';
}

function worst<T, V>(scale: readonly V[], things: readonly T[], valueOf: (thing: T) => V): V {
  const rank = things.reduce((most, thing) => Math.max(most, scale.indexOf(valueOf(thing))), 0);
  return scale[rank] as V;
}
