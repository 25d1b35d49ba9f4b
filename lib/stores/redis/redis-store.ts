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
  UpgradeRequest,
  Yielded,
  YieldRequest,
} from '../lock-store.js';
import type { PushedGrant } from './grant-channel.js';
import type { AcquisitionHome } from './acquisition-home.js';
import { RedisAcquisition } from './redis-acquisition.js';
import { redisServer, type RedisServer, type RedisStoreOptions } from './redis-client.js';
import { RedisGate } from './gate/redis-gate.js';
import { type Asked, forceRelease, inspect } from './operator-commands.js';
import { RedisHold } from './redis-hold.js';
import { lockKeys, withQueue } from './redis-keys.js';
import type { Acquisition } from '../mechanics/acquisition.js';
import { PollGrid } from '../mechanics/poll-grid.js';
import { renewAll } from './redis-renewals.js';
import { RedisSession } from './redis-session.js';
import { RedisYield } from './redis-yield.js';
import { untilReady } from '../mechanics/until-ready.js';

export type { RedisClient, RedisStoreOptions } from './redis-client.js';

/**
 * Locks on one Redis (or Valkey) server, 6.2 or newer: one command per uncontended acquire and per release, a queue in the order of
 * arrival, and grants that are pushed to the next waiter by the release itself. See docs/stores/redis.md.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_TOPOLOGY
 */
export function redisStore(options: RedisStoreOptions): LockStore {
  return new RedisStore(options);
}

/** As many as its 8 digits can say. */
const UNBOUNDED = 99_999_999;

class RedisStore implements LockStore {
  readonly capabilities: StoreCapabilities = {
    kind: 'redis',
    holds: 'leased',
    modes: ['exclusive', 'shared', 'upgradeable', 'intention-shared', 'intention-exclusive'],
    limits: true,
    minHold: true,
    scope: 'processes',
    releases: 'sent',
  };
  readonly address: string;
  readonly #server: RedisServer;
  /** From the first request to the release, by owner token: whom a push is for. */
  readonly #acquisitions = new FleetingMap<string, RedisAcquisition>();
  /** Slices that end, by the new place that is asked for. */
  readonly #yields = new Map<Acquisition<RedisHold>, RedisYield>();
  #home: (AcquisitionHome & { readonly gate: RedisGate }) | undefined;
  #waiting = 0;
  #closed = false;
  #attached: StoreContext | undefined;
  #session: RedisSession | undefined;

  constructor(options: RedisStoreOptions) {
    this.#server = redisServer(options);
    this.address = this.#server.address;
  }

  attach(context: StoreContext): void {
    if (this.#attached !== undefined) throw alreadyServes('this Redis store', 'redisStore(…)');
    this.#attached = context;
    this.#closed = false;
  }

  ready(): Promise<void> {
    return this.#open().ready();
  }

  acquire(request: AcquireRequest, signal: StopSignal): Promise<Grant | Busy | Full> {
    if (this.#closed) return Promise.reject(closedError());
    const session = this.#open();
    if (session.isReady) return this.#acquire(session, request, signal);
    const asker = { commandMs: this.#server.commandMs, request, signal };
    return untilReady(session, asker).then(() => this.#acquire(session, request, signal));
  }

  #acquire(session: RedisSession, request: AcquireRequest, signal: StopSignal): Promise<Grant | Busy | Full> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const acquisition = this.#register(session, request, signal);
    acquisition.ask();
    return acquisition.outcome;
  }

  yieldOrKeep(given: Hold, request: YieldRequest, signal: StopSignal): Promise<Kept | Yielded | Refused> {
    if (this.#closed) return Promise.reject(closedError());
    const hold = given as RedisHold;
    if (hold.isAtGate) return this.#passOn(hold, request, signal);
    const session = this.#open();
    const place = this.#register(session, request, signal);
    const yielding = new RedisYield(hold, place, {
      gone: () => {
        this.#acquisitions.delete(hold.ownerToken);
        session.endings.ended(hold);
      },
      unknown: () => session.endings.undo(hold, true),
      atGate: () => this.#passOn(hold, request, signal),
    });
    this.#yields.set(place, yielding);
    session.batcher.send(yielding);
    if (signal.aborted) place.leave(signal.reason);
    return yielding.outcome.finally(() => this.#yields.delete(place));
  }

  /** At the general gate a slice ends with a release; then we ask anew, behind all who wait. */
  async #passOn(hold: RedisHold, request: YieldRequest, signal: StopSignal): Promise<Yielded | Refused> {
    const ended = await this.release(hold, request.onSent);
    if (ended.outcome === 'refused') return ended;
    // A place that was had before is not refused for the length of the queue.
    const acquisition = this.#register(this.#open(), { ...request, maxWaitingProcesses: UNBOUNDED }, signal);
    acquisition.outcome.catch(() => undefined); // it may fail before anybody is told that there is a new place
    if (signal.aborted) acquisition.leave(signal.reason);
    else acquisition.ask();
    return { outcome: 'yielded', granted: acquisition.outcome as Promise<Grant> };
  }

  async upgrade(hold: Hold, request: UpgradeRequest, signal: StopSignal): Promise<Grant | Busy> {
    return (await this.#gate()).upgrade(hold, request, signal);
  }

  async downgrade(hold: Hold): Promise<void> {
    return (await this.#gate()).downgrade(hold);
  }

  async setLimit(name: string, limit: number | null): Promise<void> {
    return (await this.#gate()).setLimit(name, limit);
  }

  /** From here on pushes reach it. */
  #register(session: RedisSession, request: YieldRequest, signal: StopSignal): RedisAcquisition {
    session.connections.keepProcessAlive();
    const acquisition = new RedisAcquisition(this.#homeOn(session), request, signal);
    this.#acquisitions.set(request.ownerToken, acquisition);
    return acquisition;
  }

  #homeOn(session: RedisSession): AcquisitionHome & { readonly gate: RedisGate } {
    if (this.#home !== undefined) return this.#home;
    const { context } = this;
    const polls = new PollGrid(context.clock);
    const isClosed = () => this.#closed;
    const gate = new RedisGate({
      context,
      session,
      polls,
      address: this.address,
      commandMs: this.#server.commandMs,
      waits: (by) => this.#waits(session, by),
      get isClosed() {
        return isClosed();
      },
    });
    return (this.#home = {
      context,
      batcher: session.batcher,
      polls,
      gate,
      channel: () => session.channel,
      queued: () => this.#waits(session, 1),
      counted: (listeners, sentAtMs) => session.counted(listeners, sentAtMs),
      ended: (acquisition, granted) => this.#onEnded(acquisition, granted),
      undo: (hold, requestLost) => {
        if (!this.#acquisitions.has(hold.ownerToken)) session.endings.undo(hold, requestLost);
      },
    });
  }

  /** From now on pushes must arrive, for one more or one less. */
  #waits(session: RedisSession, by: 1 | -1): void {
    this.#waiting += by;
    if (by > 0) session.listen();
  }

  #onEnded(acquisition: Acquisition<RedisHold>, granted: boolean): void {
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
      commandMs: this.#server.commandMs,
      keepMs: this.context.keepMs,
      lost: (hold) => {
        this.#acquisitions.delete(hold.ownerToken);
        // A poll that crossed the push may have queued it again: nobody waits at that place any more.
        if (hold.queuedMs > 0) session.endings.undo(hold, hold.mayComeBack);
        else session.endings.ended(hold);
      },
    });
  }

  release(given: Hold, onSent?: OnSent): Promise<ReleaseOutcome> {
    const hold = given as RedisHold;
    this.#acquisitions.delete(hold.ownerToken);
    // Even while closing: a grant that was on its way is given back.
    return this.#session?.endings.release(hold, onSent) ?? Promise.reject(closedError());
  }

  async forceRelease(name: string, reason: string, fencingToken?: number): Promise<ForcedRelease | null> {
    return forceRelease((await this.#gate()).caller, this.#asked(name), { reason, fencingToken });
  }

  async inspect(name: string): Promise<StoreInspection> {
    return inspect((await this.#gate()).caller, this.#asked(name));
  }

  async stopGranting(): Promise<void> {
    await this.#session?.leave();
  }

  async close(): Promise<void> {
    const attached = this.#attached;
    this.#closed = true;
    for (const acquisition of this.#acquisitions.values()) acquisition.leave(closedError());
    this.#home?.gate.close(closedError());
    await this.#session?.close();
    // Else it was closed twice, and the next manager is here.
    if (this.#attached === attached) this.#attached = this.#session = this.#home = undefined;
  }

  private get context(): StoreContext {
    if (this.#attached !== undefined) return this.#attached;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', 'give this store to a LockManager before it is used');
  }

  #open(): RedisSession {
    if (this.#closed) throw closedError();
    return (this.#session ??= new RedisSession(this.context, this.#server, {
      waiting: () => this.#waiting > 0,
      granted: (push) => this.#onPush(push),
      forced: (ownerToken, reason) => {
        this.#acquisitions.delete(ownerToken);
        this.context.onLost(ownerToken, 'forced', reason);
      },
      waitedFor: (ownerToken) => this.context.onWaitedFor?.(ownerToken),
      woken: (ownerToken) => {
        this.#acquisitions.get(ownerToken)?.pollNow();
        this.#home?.gate.pollNow(ownerToken);
      },
      resumed: () => {
        this.#home?.gate.pollNow();
        for (const acquisition of this.#acquisitions.values()) acquisition.pollNow();
      },
    }));
  }

  #onPush(push: PushedGrant): void {
    if (this.#home?.gate.pushed(push) === true) return;
    const acquisition = this.#acquisitions.get(push.ownerToken);
    if (acquisition !== undefined) return acquisition.onPush(push);
    // Nobody here waits for it any more: pass it on at once, or everybody else would wait for its lease to run out.
    const session = this.#session;
    if (session === undefined) return;
    const { ownerToken, leaseMs } = push;
    const name = push.stateKey.slice(session.keyPrefix.length);
    session.endings.undo(new RedisHold({ name, ownerToken, leaseMs, keys: withQueue(name) }), false);
  }

  #asked(name: string): Asked {
    return { name, stateKey: lockKeys(this.context.prefix, name).state };
  }

  /** For single commands. @throws LockStoreError */
  async #gate(): Promise<RedisGate> {
    const session = this.#open();
    await untilReady(session, this.#server);
    session.connections.keepProcessAlive();
    return this.#homeOn(session).gate;
  }
}
