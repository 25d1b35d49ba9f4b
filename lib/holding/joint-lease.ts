import { isAbove } from '../layers.js';
import type { LockLostError } from '../lock-errors.js';
import { severalNamesError } from '../several-names.js';
import { isThenable } from '../runtime/thenable.js';
import { newAbort } from '../runtime/stop-signal.js';
import { strongest } from '../stores/lock-modes.js';
import type { LockMode, OnSent } from '../stores/lock-store.js';
import { Lease } from './lease.js';
import type { UpgradeOptions } from './mode-changes.js';
import type { Ending, LeaseKeeper, LeaseStart, LeaseState } from './lease-keeper.js';
import type { SingleLease } from './single-lease.js';

/** From the best to the worst; a lease on several names is what the worst of its parts is. */
const STATES: readonly LeaseState[] = ['released', 'held', 'uncertain', 'lost'];

/**
 * A lease on several names: one right, made of a lease on each. The loss of one is the loss of all, because the work counts on all of
 * them; those that are still held stay so until the work has ended, so that nobody comes in between.
 *
 * With layers it is made of what stands above its names, too; its caller sees of these what they do to it, and no more.
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
  /** Those of them that were asked for. */
  readonly #asked: readonly SingleLease[];
  readonly #startedAtMs: number;
  readonly #hasLayers: boolean;
  #loss: LockLostError | undefined;
  #abort: AbortController | undefined;
  #ending: Ending | Promise<Ending> | undefined;

  /** @internal */
  constructor(keeper: LeaseKeeper, parts: readonly SingleLease[], { ancestors, taker, now }: JointStart) {
    super();
    const { settings } = taker;
    this.#keeper = keeper;
    this.#parts = new Map(parts.map((part) => [part.name, part]));
    this.#asked = parts.filter(({ name }) => !ancestors.has(name));
    this.#startedAtMs = now.wallMs;
    this.#hasLayers = settings.layers;
    this.label = settings.label;
    this.leaseMs = settings.leaseMs;
    this.renews = parts.every(({ renews }) => renews);
    this.sends = settings.release === 'sent';
    this.waitedMs = now.monotonicMs - taker.calledAtMs;
    for (const part of parts) part.whenLost(() => this.#lose(part));
  }

  /** There is none for all of them: a text that joins them would be the name of another lock. */
  get name(): string {
    return this.#only('name', 'names').name;
  }

  get names(): readonly string[] {
    return this.#asked.map(({ name }) => name);
  }

  /** Of a mode for each name, the one that lets fewest in. */
  get mode(): LockMode {
    return strongest(this.#asked.map(({ mode }) => mode)) ?? 'exclusive'; // there is always one
  }

  /** There is none for all of them: the largest would make a resource refuse valid writers of the other names. */
  get fencingToken(): number {
    return this.#only('fencingToken', 'fencingTokens.get(name)').fencingToken;
  }

  get fencingTokens(): ReadonlyMap<string, number> {
    return new Map(this.#asked.map(({ name, fencingToken }) => [name, fencingToken]));
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

  async upgrade(options?: UpgradeOptions): Promise<void> {
    await this.#only('upgrade', 'upgrade() of a lease on one name').upgrade(options);
  }

  /** What stands above it stays as it is: it keeps those away who want all of that. */
  async downgrade(): Promise<void> {
    await this.#only('downgrade', 'downgrade() of a lease on one name').downgrade();
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

  /** The name that it has, where what is asked makes sense for one only. @throws LockUsageError LOCK_SEVERAL_NAMES */
  #only(asked: string, instead: string): SingleLease {
    const [only, ...others] = this.#asked;
    if (only === undefined || others.length > 0) throw severalNamesError(this.names, asked, instead);
    return only;
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

  /** Whoever has all of it later gets a token above those that were used below. */
  #noteTokensAbove(): void {
    for (const above of this.#leases) {
      const below = this.#asked.filter(({ name }) => isAbove(above.name, name));
      const used = below.map(({ fencingToken, hold }) => Math.max(fencingToken, hold.lastFencingToken));
      above.hold.lastFencingToken = Math.max(above.hold.lastFencingToken, ...used);
    }
  }

  /** All in one turn, so that they travel together. Sent is it when each of them is. */
  #endAll(onSent: OnSent | undefined): Ending | Promise<Ending> {
    if (this.#hasLayers) this.#noteTokensAbove();
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

/** What such a lease begins with. */
type JointStart = Pick<LeaseStart, 'taker' | 'now'> & {
  /** The parts that were not asked for. */
  readonly ancestors: ReadonlySet<string>;
};

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
