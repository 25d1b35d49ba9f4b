import { closeStore } from './runtime/attempt.js';
import { HeldLeases } from './holding/held-leases.js';
import type { Work } from './holding/lease-work.js';
import type { Lease } from './holding/lease.js';
import { closedError, noLimits } from './lock-errors.js';
import {
  type LockAudience,
  LockEventEmitter,
  type LockEventListener,
  type LockEventName,
  type LockEvents,
} from './lock-events.js';
import { Acquisitions } from './waiting/acquisitions.js';
import { Lines } from './waiting/lines.js';
import { Refusals } from './waiting/refusals.js';
import {
  heldLocks,
  type HeldLock,
  inspection,
  type LockInspection,
  type TryUsingResult,
} from './lock-answers.js';
import { canonicalName } from './lock-name.js';
import type { LockNames } from './several-names.js';
import type { AcquireOptions, AcquireSettings } from './acquire-options.js';
import { type LockManagerOptions, type ManagerSettings, resolveManagerOptions } from './lock-options.js';
import { checkForce, checkLimit, checkReason } from './option-checks.js';
import type { ForcedRelease } from './stores/lock-store.js';

/**
 * The heart: takes locks and hands out leases.
 *
 * What is promised, and by which clock: a lease says `held` only until a deadline counted on the monotonic clock from before the
 * request was sent, so no two leases on one name say `held` at once as long as the clocks of store and process run at about the
 * same speed and the store keeps its data (*bounded* exclusion). The fencing token rises with every grant whatever happens, so a
 * resource that checks it never accepts a stale write (*fenced* exclusion). «Mutual exclusion, always» is not promised: no lock
 * with a lease can give that.
 *
 * One acquisition through the rooms: options (lock-options) → canonical name (lock-name) → line of this process (waiting/) → the
 * store (stores/) → a Lease, kept and watched until it ends (holding/).
 */
export class LockManager {
  readonly #settings: ManagerSettings;
  readonly #events = new LockEventEmitter();
  readonly #leases: HeldLeases;
  readonly #lines: Lines;
  readonly #acquisitions: Acquisitions;
  #closing: Promise<void> | undefined;

  /** @throws LockUsageError for any option that is wrong, unknown or not built yet */
  constructor(options: LockManagerOptions) {
    this.#settings = resolveManagerOptions(options);
    const { store, prefix, keepMs, clock, randomness } = this.#settings;
    const audience: LockAudience = {
      has: (event) => this.#events.has(event),
      emit: (event, payload) => this.#emit(event, payload),
    };
    this.#leases = new HeldLeases(this.#settings, audience);
    this.#lines = new Lines({
      clock,
      randomness,
      store,
      leases: this.#leases,
      waiting: (name, { label, mode }) => this.#emit('waiting', { name, label, mode }),
    });
    this.#acquisitions = new Acquisitions(this.#settings, {
      leases: this.#leases,
      lines: this.#lines,
      refuseWhenClosed: () => this.#refuseWhenClosed(),
      refusals: new Refusals(audience, clock),
    });
    store.attach({
      prefix,
      keepMs,
      clock,
      randomness,
      onLost: (ownerToken, cause, note) => this.#leases.onPushedLoss(ownerToken, cause, note),
      onWaitedFor: (ownerToken) => this.#leases.onWaitedFor(ownerToken),
      onWarning: (message) => this.#emit('warning', { message }),
    });
  }

  /** Optional: connects and checks the store, so that what is wrong is said at start-up. @throws LockStoreError */
  async ready(): Promise<void> {
    this.#refuseWhenClosed();
    await this.#settings.store.ready();
  }

  /**
   * Waits for its turn, at most `waitMs`. Prefer `using`, which cannot forget the release.
   *
   * A list of names takes all of them or none: `acquire(['account:1', 'account:2'])`. They are taken in one order, whatever the order
   * of the list, so that callers who take several never wait for each other in a circle; `waitMs` and `signal` count over all of it.
   *
   * Inside of `using` on the same name it enters the lock again, without a command and with the same fencing token; it still waits for
   * those who entered it beside us (`Promise.all`).
   *
   * @throws LockBusyError when the wait ran out · LockStoreError when the store cannot be asked or we are closing · LockUsageError ·
   *   `signal.reason` when the caller's signal aborts
   */
  acquire(name: LockNames, options?: AcquireOptions): Promise<Lease> {
    return this.#acquisitions.acquire(name, options);
  }

  /**
   * Asks once. null: somebody else has the lock, or one of several; then none of them is ours.
   *
   * @throws LockStoreError · LockUsageError · `signal.reason` · LockLostError when it was ended by force before it reached us
   */
  tryAcquire(name: LockNames, options?: Omit<AcquireOptions, 'waitMs'>): Promise<Lease | null> {
    return this.#acquisitions.tryAcquire(name, options);
  }

  /**
   * Acquires, runs the work, releases: the recommended form. The work's own error always wins. A result that was obtained after the
   * lease was lost rejects with LockLostError, which carries it; one obtained in time is returned even if the release then fails.
   *
   * @throws what `acquire` throws · what the work throws · LockLostError
   */
  using<T>(name: LockNames, work: Work<T>, options?: AcquireOptions): Promise<T> {
    return this.#leases.run(this.acquire(name, options), work);
  }

  /** As `using`, but never waits: `{ acquired: false }` when somebody else has the lock. */
  async tryUsing<T>(
    name: LockNames,
    work: Work<T>,
    options?: Omit<AcquireOptions, 'waitMs'>,
  ): Promise<TryUsingResult<T>> {
    const lease = await this.tryAcquire(name, options);
    if (lease === null) return { acquired: false };
    return { acquired: true, value: await this.#leases.run(lease, work) };
  }

  /** Who holds it since when, and how many wait. @throws LockStoreError · LockUsageError */
  async inspect(name: string): Promise<LockInspection> {
    const canonical = canonicalName(name);
    this.#refuseWhenClosed();
    const told = await this.#settings.store.inspect(canonical);
    const lines = this.#lines.find(canonical);
    const waitingHere = lines.reduce((sum, { waiting }) => sum + waiting, 0);
    return inspection(canonical, told, { lease: lines[0]?.lease, waitingHere });
  }

  /** Does anybody hold it? The answer may be old when you read it: to act on it, `tryAcquire`. */
  async isLocked(name: string): Promise<boolean> {
    return (await this.inspect(name)).held;
  }

  /** What this process holds now, oldest first. */
  held(): HeldLock[] {
    return this.#leases.list().flatMap(heldLocks);
  }

  /**
   * Ends whoever holds the lock; for operators. The holder learns at once (cause `forced`), the next holder gets a larger
   * fencing token, and the event `forceReleased` is for your audit log. null: nobody held it.
   *
   * @param reason for the holder's error and the audit; 1 to 200 characters
   * @param options with `fencingToken` it ends only the hold under which that token was issued (all readers of a process have one hold)
   * @throws LockStoreError · LockUsageError
   */
  async forceRelease(
    name: string,
    reason: string,
    options: { fencingToken?: number } = {},
  ): Promise<ForcedRelease | null> {
    const canonical = canonicalName(name);
    checkReason(canonical, reason);
    const { fencingToken } = checkForce(canonical, options);
    this.#refuseWhenClosed();
    const forced = await this.#settings.store.forceRelease(canonical, reason, fencingToken);
    this.#emit('forceReleased', { name: canonical, reason, fencingToken: forced?.fencingToken ?? null });
    return forced;
  }

  /**
   * Runs `work` outside of the locks that the running call chain is inside of: what it acquires is its own, and waits for them as
   * anybody else does. For work that goes on after the section that starts it.
   */
  detached<T>(work: () => T): T {
    return this.#leases.frames.outside(work);
  }

  /**
   * From now on this limit is in force for the name, over all processes and whatever callers give as `limit`; null: theirs again. Raising
   * it lets waiters in at once; lowering it takes nothing away, and a waiter whose weight is above it gets a LockUsageError.
   *
   * @throws LockStoreError; LOCK_STORE_UNSUPPORTED where the store has no limits · LockUsageError
   */
  async setLimit(name: string, limit: number | null): Promise<void> {
    const canonical = canonicalName(name);
    checkLimit(canonical, limit);
    this.#refuseWhenClosed();
    const { store } = this.#settings;
    if (store.setLimit === undefined) throw noLimits(canonical, store.capabilities.kind);
    await store.setLimit(canonical, limit);
  }

  /** Listens to what happens to locks of this manager; returns the function that stops listening. */
  on<E extends LockEventName>(event: E, listener: LockEventListener<E>): () => void {
    return this.#events.on(event, listener);
  }

  /** Is the running call chain inside of a lease on this canonical name? For frameworks round the engine. @internal */
  isInside(name: string): boolean {
    return this.#leases.frames.innermost(name) !== undefined;
  }

  /** What a call gets that says nothing else. @internal */
  get callDefaults(): AcquireSettings {
    return this.#settings.defaults;
  }

  /** Tells what a framework round the engine does with its locks. @internal */
  tell<E extends LockEventName>(event: E, payload: LockEvents[E]): void {
    this.#emit(event, payload);
  }

  /**
   * Waiters reject with LOCK_CLOSED at once; holders have `drainMs` to finish; then their leases become lost (cause `shutdown`),
   * their locks are given away, releases that are on their way are answered, and what we opened is closed. Never rejects; idempotent.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const { store } = this.#settings;
    const warn = (message: string) => this.#emit('warning', { message });
    const deaf = closeStore(() => store.stopGranting(), warn); // first of all: nobody passes a lock to a process that is leaving
    this.#lines.dismissAll(closedError());
    await deaf;
    await this.#leases.close();
    await closeStore(() => store.close(), warn);
    await this.#leases.releases.allOver(); // a store has answered them by then
  }

  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #emit<E extends LockEventName>(event: E, payload: LockEvents[E]): void {
    if (event !== 'warning' && !this.#events.has(event)) return;
    this.#leases.frames.outside(() => this.#events.emit(event, payload));
  }
}
