// over budget: every operation of the port has its entry here.
import { alreadyServes, closedError, LockUsageError } from '../../lock-errors.js';
import { FleetingMap } from '../../runtime/fleeting-map.js';
import type {
  AcquireRequest,
  Busy,
  ForcedRelease,
  Full,
  Grant,
  Hold,
  Kept,
  LockStore,
  OnSent,
  Refused,
  ReleaseOutcome,
  RenewOutcome,
  RenewRequest,
  StoreCapabilities,
  StoreContext,
  StoreInspection,
  StopSignal,
  Yielded,
  YieldRequest,
} from '../lock-store.js';
import type { Acquisition } from '../mechanics/acquisition.js';
import { PollGrid } from '../mechanics/poll-grid.js';
import { CallFailure } from '../mechanics/tries.js';
import { untilReady } from '../mechanics/until-ready.js';
import { type AcquisitionHome, PostgresAcquisition } from './postgres-acquisition.js';
import { PostgresHold } from './postgres-hold.js';
import type { PushedGrant } from './postgres-notice.js';
import { type Asked, forceRelease, inspect } from './postgres-operators.js';
import { type PostgresPlace, postgresPlace, type PostgresStoreOptions } from './postgres-options.js';
import { renewAll } from './postgres-renewals.js';
import { PostgresSession } from './postgres-session.js';
import { PostgresYield } from './postgres-yield.js';

/**
 * Locks in one PostgreSQL database, 14 or newer: one statement per uncontended acquire and per release, a queue in the order of arrival, and
 * grants that are pushed to the next waiter by the release itself. Exclusive locks only. See docs/stores/postgres.md.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
export function postgresStore(options: PostgresStoreOptions): LockStore {
  return new PostgresStore(options);
}

class PostgresStore implements LockStore {
  readonly capabilities: StoreCapabilities = {
    kind: 'postgres',
    holds: 'leased',
    modes: ['exclusive'],
    scope: 'processes',
  };
  readonly address: string;
  readonly #place: PostgresPlace;
  /** From the first request to the release, by owner token: whom a push is for. */
  readonly #acquisitions = new FleetingMap<string, PostgresAcquisition>();
  /** Slices that end, by the new place that is asked for. */
  readonly #yields = new Map<Acquisition<PostgresHold>, PostgresYield>();
  #home: AcquisitionHome | undefined;
  #waiting = 0;
  #closed = false;
  #attached: StoreContext | undefined;
  #session: PostgresSession | undefined;

  constructor(options: PostgresStoreOptions) {
    this.#place = postgresPlace(options);
    this.address = this.#place.driver.address;
  }

  attach(context: StoreContext): void {
    if (this.#attached !== undefined) throw alreadyServes('this PostgreSQL store', 'postgresStore(…)');
    this.#attached = context;
    this.#closed = false;
  }

  async ready(): Promise<void> {
    const session = this.#open();
    await session.ready();
    await session.heard();
  }

  acquire(request: AcquireRequest, signal: StopSignal): Promise<Grant | Busy | Full> {
    if (this.#closed) return Promise.reject(closedError());
    const session = this.#open();
    if (session.isReady && session.hasRoomFor(request.leaseMs))
      return this.#acquire(session, request, signal);
    session.keepProcessAlive();
    const asker = { commandMs: this.#place.commandMs, request, signal };
    return untilReady(session, asker)
      .then(() => this.#roomFor(session, request.leaseMs))
      .then(() => this.#acquire(session, request, signal));
  }

  #acquire(
    session: PostgresSession,
    request: AcquireRequest,
    signal: StopSignal,
  ): Promise<Grant | Busy | Full> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(closedError());
    const acquisition = this.#register(session, request, signal);
    acquisition.ask();
    return acquisition.outcome;
  }

  async yieldOrKeep(
    given: Hold,
    request: YieldRequest,
    signal: StopSignal,
  ): Promise<Kept | Yielded | Refused> {
    if (this.#closed) throw closedError();
    const hold = given as PostgresHold;
    const session = this.#open();
    if (!session.hasRoomFor(request.leaseMs)) await this.#roomFor(session, request.leaseMs);
    const place = this.#register(session, request, signal);
    const yielding = new PostgresYield(hold, place, {
      gone: () => {
        this.#acquisitions.delete(hold.ownerToken);
        session.endings.ended(hold);
      },
      unknown: () => session.endings.undo(hold, true),
    });
    this.#yields.set(place, yielding);
    session.batcher.send(yielding);
    if (signal.aborted) place.leave(signal.reason);
    return yielding.outcome.finally(() => this.#yields.delete(place));
  }

  /** @throws LockStoreError */
  #roomFor(session: PostgresSession, leaseMs: number): Promise<void> {
    return session.roomFor(leaseMs).catch((failure: unknown) => {
      throw failure instanceof CallFailure ? failure.error : failure;
    });
  }

  /** From here on pushes reach it. */
  #register(session: PostgresSession, request: YieldRequest, signal: StopSignal): PostgresAcquisition {
    session.keepProcessAlive();
    const acquisition = new PostgresAcquisition(this.#homeOn(session), request, signal);
    this.#acquisitions.set(request.ownerToken, acquisition);
    session.sweep.arm();
    return acquisition;
  }

  #homeOn(session: PostgresSession): AcquisitionHome {
    return (this.#home ??= {
      context: this.context,
      batcher: session.batcher,
      polls: new PollGrid(this.context.clock),
      queued: () => void (this.#waiting += 1),
      unheard: () => session.listen(),
      ended: (acquisition, granted) => this.#onEnded(acquisition, granted),
      undo: (hold, requestLost) => {
        if (!this.#acquisitions.has(hold.ownerToken)) session.endings.undo(hold, requestLost);
      },
    });
  }

  #onEnded(acquisition: Acquisition<PostgresHold>, granted: boolean): void {
    if (acquisition.isQueued) this.#waiting -= 1;
    if (granted) this.#yields.get(acquisition)?.overtaken();
    else this.#acquisitions.delete(acquisition.hold.ownerToken);
  }

  async renew(requests: readonly RenewRequest[]): Promise<RenewOutcome[]> {
    const session = this.#session;
    if (session === undefined || this.#closed)
      return requests.map(() => ({ outcome: 'unknown', error: closedError() }));
    return renewAll(requests, {
      link: session.link,
      clock: this.context.clock,
      commandMs: this.#place.commandMs,
      roomFor: (leaseMs) => session.roomFor(leaseMs),
      lost: (hold) => {
        const acquisition = this.#acquisitions.get(hold.ownerToken);
        this.#acquisitions.delete(hold.ownerToken);
        // A poll that crossed the push may have queued it again: nobody waits at that place any more.
        if (acquisition?.isQueued === true) session.endings.undo(hold, hold.mayComeBack);
        else session.endings.ended(hold);
      },
    });
  }

  release(given: Hold, onSent?: OnSent): Promise<ReleaseOutcome> {
    const hold = given as PostgresHold;
    this.#acquisitions.delete(hold.ownerToken);
    // Even while closing: a grant that was on its way is given back.
    return this.#session?.endings.release(hold, onSent) ?? Promise.reject(closedError());
  }

  async forceRelease(name: string, reason: string, fencingToken?: number): Promise<ForcedRelease | null> {
    const { keepMs } = this.context;
    return forceRelease(await this.#caller(), this.#asked(name), { keepMs, reason, fencingToken });
  }

  async inspect(name: string): Promise<StoreInspection> {
    return inspect(await this.#caller(), this.#asked(name));
  }

  async stopGranting(): Promise<void> {
    await this.#session?.leave();
  }

  async close(): Promise<void> {
    const attached = this.#attached;
    this.#closed = true;
    for (const acquisition of this.#acquisitions.values()) acquisition.leave(closedError());
    await this.#session?.close();
    // Else it was closed twice, and the next manager is here.
    if (this.#attached === attached) this.#attached = this.#session = this.#home = undefined;
  }

  private get context(): StoreContext {
    if (this.#attached !== undefined) return this.#attached;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', 'give this store to a LockManager before it is used');
  }

  #open(): PostgresSession {
    if (this.#closed) throw closedError();
    const { context } = this; // of a session that closes nobody may ask for another's
    return (this.#session ??= new PostgresSession(context, this.#place, {
      needed: () => this.#waiting > 0 || this.#isHeld(context.clock.monotonicMs()),
      granted: (push) => this.#onPush(push),
      forced: (ownerToken, reason) => {
        // Every process is told, and one of them holds it.
        if (this.#acquisitions.delete(ownerToken)) context.onLost(ownerToken, 'forced', reason);
      },
      resumed: () => {
        for (const acquisition of this.#acquisitions.values()) acquisition.pollNow();
      },
      holds: () => this.#holds(),
    }));
  }

  *#holds(): Iterable<PostgresHold> {
    for (const { hold } of this.#acquisitions.values()) yield hold;
  }

  #isHeld(nowMs: number): boolean {
    for (const { deadlineMs } of this.#holds()) if (nowMs < deadlineMs) return true;
    return false;
  }

  #onPush(push: PushedGrant): void {
    const acquisition = this.#acquisitions.get(push.ownerToken);
    if (acquisition !== undefined) return acquisition.onPush(push);
    // Nobody here waits for it any more: pass it on at once, or everybody else would wait for its lease to run out.
    const session = this.#session;
    if (session === undefined) return;
    const { ownerToken, leaseMs, key } = push;
    session.endings.undo(new PostgresHold({ name: key, key, ownerToken, leaseMs }), false);
  }

  #asked(name: string): Asked {
    return { name, key: `${this.context.prefix}/${name}` };
  }

  /** For single commands. @throws LockStoreError */
  async #caller(): Promise<{ link: PostgresSession['link']; commandMs: number }> {
    const session = this.#open();
    await untilReady(session, this.#place);
    session.keepProcessAlive();
    return { link: session.link, commandMs: this.#place.commandMs };
  }
}
