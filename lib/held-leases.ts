import type { Acquired } from './acquire-line.js';
import { Lease } from './lease.js';
import type { LeaseKeeper } from './lease-keeper.js';
import { pause } from './clock.js';
import { LeaseWatchdog } from './lease-watchdog.js';
import { closedError, type LockLostError, LockStoreError, type LossCause } from './lock-errors.js';
import type { LockEventName, LockEvents } from './lock-events.js';
import { LockFrames } from './lock-frames.js';
import { type AcquireSettings, checkLeaseMs, type ManagerSettings } from './lock-options.js';
import type { RenewRequest } from './stores/lock-store.js';

/** The work of `using`: gets the lease, may be synchronous. */
export type Work<T> = (lease: Lease) => T | PromiseLike<T>;

export type Emit = <E extends LockEventName>(event: E, payload: LockEvents[E]) => void;

/**
 * Every lease of this process from grant to end. A lease ends once, in one of two ways: released by its user, or lost
 * (deadline, the store's word, force, shutdown); after that nothing is renewed and no timer is left.
 */
export class HeldLeases implements LeaseKeeper {
  readonly frames = new LockFrames();
  readonly #watchdog: LeaseWatchdog;
  /** By owner token: what a push from the store names. */
  readonly #leases = new Map<string, Lease>();
  /**
   * Owner tokens on their way to the store. A loss may be pushed before the reply of its acquire is read (two connections have no
   * common order); it is kept here until then.
   */
  readonly #expected = new Map<string, { cause: LossCause; note: string | undefined } | undefined>();
  #onEmpty: (() => void) | undefined;
  #closing = false;

  constructor(
    private readonly settings: ManagerSettings,
    private readonly emit: Emit,
  ) {
    const { clock, randomness } = settings;
    this.#watchdog = new LeaseWatchdog(clock, randomness, (requests) => this.#renew(requests));
  }

  get clock() {
    return this.settings.clock;
  }

  /** Those that have not ended, oldest first. */
  list(): Lease[] {
    return [...this.#leases.values()].filter((lease) => lease.active);
  }

  expect(ownerToken: string): void {
    this.#expected.set(ownerToken, undefined);
  }

  unexpect(ownerToken: string): void {
    this.#expected.delete(ownerToken);
  }

  /** From the store's grant to a lease that is watched, and confirmed where the grant is not yet good for what was asked. */
  async begin(acquired: Acquired, settings: AcquireSettings, calledAtMs: number): Promise<Lease> {
    const { hold, deadlineMs, asOf } = acquired;
    if (this.#closing) {
      this.unexpect(hold.ownerToken);
      await this.settings.store.release(hold).catch(() => undefined);
      throw closedError();
    }
    const { leaseMs, renew, label } = settings;
    const waitedMs = this.clock.monotonicMs() - calledAtMs;
    const lease = new Lease(this, { hold, deadlineMs, leaseMs, renew, label, waitedMs, asOf });
    this.#leases.set(hold.ownerToken, lease);
    this.#watchdog.watch(lease, acquired.leaseMs);
    const early = this.#expected.get(hold.ownerToken);
    this.#expected.delete(hold.ownerToken);
    if (early !== undefined) lease.markLost(early.cause, early.note);
    // A pushed grant has a short first lease; the watchdog makes it longer in time, unless it must not renew. And a machine that
    // slept while it waited cannot trust its deadline.
    const tooShort = !renew && acquired.leaseMs < leaseMs;
    const waitLeftMs = settings.waitMs > 0 ? settings.waitMs - waitedMs : Infinity;
    if (tooShort || lease.state === 'uncertain') await this.#confirm(lease, leaseMs, waitLeftMs);
    if (lease.active && lease.remainingMs() === 0) this.#decline(lease);
    if (lease.active) this.emit('acquired', { ...describe(lease), waitedMs });
    return lease;
  }

  /** Asks the store to confirm the lease, but not for longer than the caller will wait: the lease is good for what it says anyway. */
  async #confirm(lease: Lease, leaseMs: number, boundMs: number): Promise<void> {
    const answered = new AbortController();
    void this.#watchdog.renewNow(lease, leaseMs).finally(() => answered.abort());
    await pause(this.clock, boundMs, answered.signal);
  }

  /** By the wall clock it has run out, and the store did not say otherwise: as if it had never been granted. */
  #decline(lease: Lease): void {
    lease.markReleased();
    this.#forget(lease);
    void this.settings.store.release(lease.hold).catch(() => undefined);
  }

  /** The store learned by itself that a hold is over. */
  onPushedLoss(ownerToken: string, cause: LossCause, note: string | undefined): void {
    const lease = this.#leases.get(ownerToken);
    if (lease !== undefined) lease.markLost(cause, note);
    else if (this.#expected.has(ownerToken)) this.#expected.set(ownerToken, { cause, note });
  }

  /** Runs the work inside the lease's frame, then releases. What the caller sees: see `LockManager.using`. */
  async run<T>(lease: Lease, work: Work<T>): Promise<T> {
    let value: T;
    try {
      value = await this.frames.run(lease, () => work(lease));
    } catch (error) {
      await lease.release().catch(() => undefined);
      if (lease.lossError !== undefined) lease.lossError.reason = error;
      throw error;
    }
    const stateAtEnd = lease.state;
    const ending = await lease.release().catch(() => 'unconfirmed' as const);
    const lost = stateAtEnd === 'lost' || (stateAtEnd === 'uncertain' && ending === 'lost');
    if (!lost || lease.lossError === undefined) return value;
    lease.lossError.result = value;
    throw lease.lossError;
  }

  async extend(lease: Lease, leaseMs: number): Promise<void> {
    checkLeaseMs(leaseMs, `extend on "${lease.name}"`, 'ms');
    if (!lease.active) lease.assertHeld(); // throws and says why
    const outcome = await this.#watchdog.renewNow(lease, leaseMs);
    if (lease.lossError !== undefined) throw lease.lossError;
    if (outcome.outcome !== 'unknown') return;
    const message = `lock "${lease.name}" could not be extended: ${outcome.error.message}`;
    throw new LockStoreError('LOCK_STORE_UNAVAILABLE', message, {
      lockName: lease.name,
      cause: outcome.error,
    });
  }

  async release(lease: Lease): Promise<'released' | 'lost'> {
    if (!lease.active) return 'lost';
    const inTime = lease.remainingMs() > 0; // by the wall clock too: a machine that slept may be late without knowing
    lease.markReleased();
    this.#forget(lease);
    try {
      const outcome = await this.settings.store.release(lease.hold);
      if (outcome.outcome === 'released') {
        this.emit('released', { ...describe(lease), heldMs: lease.heldMs });
      } else if (outcome.ambiguous && inTime) {
        this.#warnOfRefusal(lease);
      } else {
        lease.markReleaseRefused();
        return 'lost';
      }
      return 'released';
    } catch (error) {
      this.emit('releaseFailed', { ...describe(lease), error: error as LockStoreError });
      throw error;
    }
  }

  lost(lease: Lease, error: LockLostError): void {
    this.#forget(lease);
    this.emit('lost', { ...describe(lease), cause: error.cause, error });
    // What was sent before may still arrive, a renewal that keeps the key alive or a poll that takes it again after its end by
    // force, and then for nobody: end it with the same token.
    if (error.cause !== 'expired' && error.cause !== 'forced') return;
    void this.settings.store.release(lease.hold).catch(() => undefined);
  }

  doubted(lease: Lease): void {
    this.emit('uncertain', describe(lease));
  }

  recheck(lease: Lease): void {
    this.#watchdog.hurry(lease);
  }

  certain(lease: Lease): void {
    this.emit('renewed', describe(lease));
  }

  /** Holders have `drainMs`; then their leases become lost *before* they are given away, so that two sections never run. */
  async close(): Promise<void> {
    this.#closing = true; // a grant that is still on its way goes back
    await this.#drained();
    const leftovers = this.list();
    for (const lease of leftovers) lease.markLost('shutdown');
    await Promise.allSettled(leftovers.map((lease) => this.settings.store.release(lease.hold)));
  }

  #drained(): Promise<void> {
    if (this.#leases.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.clock.setTimer(this.settings.drainMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
  }

  #renew(requests: readonly RenewRequest[]) {
    const failed = (error: Error) => requests.map(() => ({ outcome: 'unknown' as const, error }));
    return this.settings.store.renew(requests).catch(failed);
  }

  #forget(lease: Lease): void {
    this.#watchdog.forget(lease);
    this.#leases.delete(lease.hold.ownerToken);
    if (this.#leases.size === 0) this.#onEmpty?.();
  }

  /** An earlier try of this release got no answer and may have been executed; it was sent in time, so nothing was lost. */
  #warnOfRefusal(lease: Lease): void {
    const message = `the release of lock "${lease.name}" was repeated after a lost reply and then refused; probably the first try had ended it`;
    const error = new LockStoreError('LOCK_STORE_UNAVAILABLE', message, { lockName: lease.name });
    this.emit('releaseFailed', { ...describe(lease), error });
  }
}

function describe(lease: Lease): { name: string; label: string; fencingToken: number } {
  return { name: lease.name, label: lease.label, fencingToken: lease.fencingToken };
}
