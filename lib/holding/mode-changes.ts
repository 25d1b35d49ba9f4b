import { listenTo, stopOf } from '../caller-signal.js';
import {
  LockBusyError,
  LockLostError,
  LockStoreError,
  modeError,
  reentrantDowngradeError,
} from '../lock-errors.js';
import { checkKeys, invalid } from '../option-checks.js';
import { attempt } from '../runtime/attempt.js';
import { type Clock, readClocks } from '../runtime/clock.js';
import { Stop } from '../runtime/stop-signal.js';
import { covers } from '../stores/lock-modes.js';
import type { Grant, LockStore, StopSignal } from '../stores/lock-store.js';
import type { SingleLease } from './single-lease.js';

/** Options of `lease.upgrade`. */
export interface UpgradeOptions {
  /** How long to wait for the other readers to leave, in ms from the call; 0 asks once; `Infinity` waits for ever; default: that of the acquisition. */
  waitMs?: number;
  /** Ends the wait, with `signal.reason`. */
  signal?: AbortSignal | StopSignal;
}

/** What a lease's change of mode needs of its manager. */
export interface ModeChangePlace {
  readonly clock: Clock;
  readonly store: LockStore;
  /** The store confirmed the hold, for so long. */
  watch(lease: SingleLease, grant: Grant): void;
}

/** The wait of an upgrade has run out. */
const TOO_LATE = Symbol('too late');

/** From upgradeable to exclusive, and down to shared. */
export class ModeChanges {
  /** Leases that count as shared, although the store has not said so. */
  readonly #goingDown = new WeakSet<SingleLease>();

  constructor(private readonly place: ModeChangePlace) {}

  /** @throws as `Lease.upgrade` */
  async upgrade(lease: SingleLease, options: UpgradeOptions = {}): Promise<void> {
    const { store } = this.place;
    const { waitMs, signal } = checked(lease, options);
    if (lease.mode !== 'upgradeable') throw modeError(lease.name, 'upgrade', lease.mode);
    if (!lease.active) lease.assertHeld(); // throws and says why
    if (store.upgrade === undefined) throw unsupported(lease, 'upgrade');
    const stop = new Stop();
    const leave = () => stop.abort(signal?.reason);
    const lost = () => stop.abort(lease.lossError);
    const timer = this.place.clock.setTimer(waitMs === 0 ? Infinity : waitMs, () => stop.abort(TOO_LATE));
    try {
      if (signal !== undefined) listenTo(signal, leave, lease.name);
      lease.signal.addEventListener('abort', lost);
      await this.#ask(lease, waitMs > 0, stop);
    } catch (error) {
      if (error !== TOO_LATE) throw error;
      throw stillShared(lease, waitMs);
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', leave);
      lease.signal.removeEventListener('abort', lost);
    }
  }

  async #ask(lease: SingleLease, wait: boolean, stop: Stop): Promise<void> {
    const { store, clock } = this.place;
    const asOf = readClocks(clock);
    const answer = await attempt(
      () => store.upgrade?.(lease.hold, { wait }, stop) ?? Promise.reject(unsupported(lease, 'upgrade')),
    ).catch((error: unknown) => this.#lost(lease, error));
    if (answer.outcome === 'busy') throw stillShared(lease, 0, answer.retryAfterMs);
    if (lease.lossError !== undefined) throw lease.lossError;
    lease.changeMode('exclusive');
    lease.markConfirmed(answer.deadlineMs, asOf);
    this.place.watch(lease, answer);
  }

  /** The store says that the hold is not ours any more, or it failed. */
  #lost(lease: SingleLease, error: unknown): never {
    if (error instanceof LockLostError) lease.markLost('taken');
    throw lease.lossError ?? error;
  }

  /** @throws as `Lease.downgrade` */
  async downgrade(lease: SingleLease): Promise<void> {
    if (lease.mode === 'shared' && !this.#goingDown.has(lease))
      throw modeError(lease.name, 'downgrade', lease.mode);
    if (!lease.active) lease.assertHeld();
    if (lease.outer !== undefined)
      throw reentrantDowngradeError(
        lease.name,
        'it was entered again: downgrade the lease that it was entered through',
      );
    if (lease.kept.leases.some((other) => other !== lease && !covers('shared', other.access)))
      throw reentrantDowngradeError(lease.name, 'somebody is inside of it who does not share it');
    const { store } = this.place;
    if (store.downgrade === undefined) throw unsupported(lease, 'downgrade');
    lease.kept.stretched = true; // what is shared is not handed on to one who wants it alone
    this.#goingDown.add(lease);
    lease.changeMode('shared'); // before it is sent: readers may be inside before we hear of it
    await attempt(
      () => store.downgrade?.(lease.hold) ?? Promise.reject(unsupported(lease, 'downgrade')),
    ).catch((error: unknown) => this.#lost(lease, error));
    this.#goingDown.delete(lease);
    if (lease.lossError !== undefined) throw lease.lossError;
    lease.kept.owner.notHandedOn();
  }
}

function checked(lease: SingleLease, options: UpgradeOptions): { waitMs: number; signal: Stop | undefined } {
  const place = () => `upgrade on "${lease.name}"`;
  checkKeys(options, ['waitMs', 'signal'], place);
  const { waitMs = lease.kept.waitMs, signal } = options;
  if (typeof waitMs !== 'number' || Number.isNaN(waitMs) || waitMs < 0)
    throw invalid(place(), ['waitMs', waitMs], 'a number of ms from 0, or Infinity');
  return { waitMs, signal: signal === undefined ? undefined : stopOf(signal, place) };
}

function stillShared({ name }: SingleLease, waitMs: number, retryAfterMs = 0): LockBusyError {
  const message = `lock "${name}" is shared by others; gave up the upgrade after waiting ${waitMs} ms, and the lease stays upgradeable`;
  return new LockBusyError(name, { message, retryAfterMs });
}

function unsupported({ name }: SingleLease, what: string): LockStoreError {
  const message = `the store of lock "${name}" cannot ${what} a lease`;
  return new LockStoreError('LOCK_STORE_UNSUPPORTED', message, { lockName: name });
}
