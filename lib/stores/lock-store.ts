// over budget: the whole contract of a store stands in one place.
import type { Clock } from '../runtime/clock.js';
import type { LockStoreError, LossCause } from '../lock-errors.js';
import type { Randomness } from '../runtime/owner-token.js';
import type { AccessMode, HeldMode } from './lock-modes.js';

export type { AccessMode, HeldMode, LockMode } from './lock-modes.js';

/**
 * THE PORT: what the engine asks of a place where locks are kept.
 *
 * The store owns the waiting *between* processes, because each backend has its own best way (Redis: a queue and a push;
 * etcd, ZooKeeper: watches; PostgreSQL: NOTIFY; polling as the fallback), and it makes keys from canonical names. The
 * engine owns the line inside the process, the renewal schedule, deadlines, re-entry and events.
 *
 * Duties of every store:
 * - The owner token is compared on every write. A hold changes owner only when it is free, expired, released by its owner
 *   or taken by force.
 * - Every operation may be executed twice (a reply was lost, a client resent it) and must then answer the same: acquire
 *   with the token of the present holder returns the same hold with the same fencing token, release answers "released".
 * - The fencing token of a name grows with every grant, also over expiry, force and loss of the store's data.
 * - Deadlines come from {@link leaseDeadline}: monotonic, counted from before the request was sent.
 * - Waiters are served in the order in which they were queued, and a waiter that is gone is skipped.
 * - A wake-up that gets lost costs time, never progress: a store that pushes also polls.
 * - Nothing is thrown from a timer; nothing is left behind after `close()`.
 *
 * Checklist for a new store: a folder `stores/<store>/` with `<store>-store.ts` and a factory `<store>Store(options)`;
 * `docs/stores/<store>.md`; `test/stores/<store>.spec.ts` that runs the contract suite of `testing/store-contract.ts`
 * against a real server, with an `outside` probe that looks at the server without this code.
 */
export interface LockStore {
  readonly capabilities: StoreCapabilities;
  /** Where the store is, for messages; without credentials. */
  readonly address?: string;

  /**
   * Called by the manager before anything else; throws LockUsageError when this store already serves another manager. Once
   * {@link close} has resolved, the next manager may have the store: it begins anew, under the new context, and tokens go on to rise.
   * (A static `forRoot({ store })` gives the one object to each application of a test file.) Does not connect: see {@link ready}.
   */
  attach(context: StoreContext): void;

  /**
   * Resolves when the store can serve, after its start-up checks. Rejects with LockStoreError (or LockUsageError) that says
   * what is wrong. May be called again after a failure, and is called implicitly by the first operation.
   */
  ready(): Promise<void>;

  /**
   * One acquisition. With `wait: false` answers at once. With `wait: true` stays queued until granted or until `signal`
   * aborts; then it leaves the queue, and a grant that crosses the abort is given back by the store itself.
   * After an unknown outcome (no reply) the store undoes what may have happened, with the same token.
   * Rejects with LockStoreError; with `signal.reason` when aborted.
   */
  acquire(request: AcquireRequest, signal: StopSignal): Promise<Grant | Busy | Full>;

  /** Renews many holds with few commands. Never rejects: a failure is `unknown` for each hold it concerns. Same order as given. */
  renew(requests: readonly RenewRequest[]): Promise<RenewOutcome[]>;

  /**
   * Ends a hold and passes it on; the next grant is above `hold.lastFencingToken`. Is never cancelled. Rejects with LockStoreError
   * when no answer came in time; the store then keeps trying with the same token until the hold would have expired.
   *
   * @param onSent see {@link OnSent}
   */
  release(hold: Hold, onSent?: OnSent): Promise<ReleaseOutcome>;

  /**
   * Ends whoever holds the name, all of them when several do; the holders learn at once, the next grant has a larger fencing token. With
   * `fencingToken` only the hold that issued that token, also one that was handed on locally. null: nobody held it, or nobody with it.
   */
  forceRelease(name: string, reason: string, fencingToken?: number): Promise<ForcedRelease | null>;

  inspect(name: string): Promise<StoreInspection>;

  /** First step of closing: stop being a target of pushed grants. Later grants go to other processes. Never rejects. */
  stopGranting(): Promise<void>;

  /**
   * Last step of closing: waits for releases that are on their way and for its own background work, ends what this store opened. Never
   * rejects; idempotent. What is asked of the store afterwards is LOCK_CLOSED, until it is attached again.
   */
  close(): Promise<void>;

  /**
   * The end of a cohort slice (DESIGN 6.7): in one atomic step either the name goes to the next process and we are queued again with
   * `request` (which waits, and has an owner token of its own), or nobody else waits and the hold is kept, made to last at least
   * `request.leaseMs`, with a new `hold.fencingToken` above `hold.lastFencingToken`. Level-triggered, because a notice that somebody
   * waits races with the grant it refers to.
   *
   * The caller uses the hold no more until it is told `kept`. A copy of this command that arrives late must not give away what a
   * later one has kept. Rejects with LockStoreError when no answer came; the store then ends the hold and the new place by itself.
   * `signal` ends the new wait only. Absent: the engine passes every hold through `release`.
   */
  yieldOrKeep?(hold: Hold, request: YieldRequest, signal: StopSignal): Promise<Kept | Yielded | Refused>;

  /**
   * Makes an upgradeable hold exclusive, under a new fencing token, before anybody else who waits: new readers wait meanwhile. `busy`, and
   * after an abort too: it stays upgradeable. A grant that crosses the abort is still a grant. Rejects with LockLostError when the hold
   * is not ours any more, with LockStoreError, with `signal.reason` when aborted. Present when `capabilities.modes` has `upgradeable`.
   */
  upgrade?(hold: Hold, request: UpgradeRequest, signal: StopSignal): Promise<Grant | Busy>;

  /**
   * Makes an exclusive or upgradeable hold a shared one, which keeps the fencing token that it used last; readers that are queued enter in
   * the same step. Rejects with LockLostError, LockStoreError. Present when `capabilities.modes` has `shared`.
   */
  downgrade?(hold: Hold): Promise<void>;

  /**
   * The limit of this name for everybody, until it is set again; null: none, each caller's own. Raised, it lets in who fits now; lowered,
   * it takes nothing away. 1 to 1 000 000 000. Present when `capabilities.limits`.
   */
  setLimit?(name: string, limit: number | null): Promise<void>;
}

/**
 * Somebody goes on as soon as the end of a hold is on its way. The store calls it, before the answer, when the request was written to a
 * connection that is up, so that whatever this process asks for afterwards is executed after it; a second call does no harm. Where it
 * cannot say that (not connected, closing) it calls nothing, and the caller waits for the answer. The callback does not throw.
 *
 * Only a store with `capabilities.releases: 'sent'` is given one.
 */
export type OnSent = () => void;

/** What a store uses of an AbortSignal: the engine has a lighter one for a path that is taken for each acquisition. */
export interface StopSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface StoreCapabilities {
  /** For messages: "redis", "memory". */
  readonly kind: string;
  /** `leased`: a hold has a deadline and is renewed. `session`: the store tells of its loss through `onLost`. */
  readonly holds: 'leased' | 'session';
  /** With both intention modes it has layers. */
  readonly modes: readonly AccessMode[];
  /** Can a name have several holders up to a limit ({@link AcquireRequest.limit})? Default false. */
  readonly limits?: boolean;
  /** Can a hold outlast its release ({@link Hold.minHoldMs})? Default false. */
  readonly minHold?: boolean;
  /** Do processes exclude each other, or only callers of this one? */
  readonly scope: 'processes' | 'this process';
  /** `sent`: tells when a release or a yield is on its way ({@link OnSent}). Default `confirmed`: only when it was answered. */
  readonly releases?: 'confirmed' | 'sent';
}

/** What the manager gives its store. */
export interface StoreContext {
  /** First part of every key; checked, see lock-options.ts. */
  readonly prefix: string;
  /** How long the trace of a clean release stays, in ms. */
  readonly keepMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  /** The store learned by itself (push, session end) that a hold is over. */
  onLost(ownerToken: string, cause: LossCause, note?: string): void;
  /**
   * Somebody is queued behind a hold of which the store has said that nobody waits ({@link LockStore.yieldOrKeep}), and which goes from
   * caller to caller for longer therefore. A hint: it makes the hold's slice as short as the first one was. A store that cannot tell
   * leaves it out, and one who queues waits for up to 80 ms longer.
   */
  onWaitedFor?(ownerToken: string): void;
  /** Something an operator should read; said once by whoever listens. */
  onWarning(message: string): void;
}

export interface AcquireRequest {
  /** Canonical, see lock-name.ts. */
  readonly name: string;
  readonly ownerToken: string;
  readonly leaseMs: number;
  readonly mode: AccessMode;
  /** So many permits may be held at once, over all processes; with `mode: 'exclusive'` only. Absent: no limit, one holder. */
  readonly limit?: number | undefined;
  /** How many of them this hold takes; default 1. */
  readonly weight?: number | undefined;
  /** Free text for `inspect`; never secret. */
  readonly label: string;
  readonly wait: boolean;
  /** A waiter is refused (`full`) when so many processes are queued for this name already. */
  readonly maxWaitingProcesses: number;
  /** Told during a wait, so that the engine can say whom it waited for, or that the store could not be asked. */
  readonly onWaiting?: ((news: WaitingNews) => void) | undefined;
}

/** Asks for the next place while a hold ends. */
export interface YieldRequest extends AcquireRequest {
  /** About the end of the hold. */
  readonly onSent?: OnSent | undefined;
}

/** Asks for an upgrade. */
export interface UpgradeRequest {
  /** false: answered at once. */
  readonly wait: boolean;
  readonly onWaiting?: ((news: WaitingNews) => void) | undefined;
}

/** `retryAfterMs`: queued, and the holder's lease still runs so long. `error`: the last poll failed; the wait goes on. */
export type WaitingNews =
  | { readonly retryAfterMs: number; readonly error?: undefined }
  | { readonly error: LockStoreError; readonly retryAfterMs?: undefined };

/** The store's record behind one lease. A store may keep more in its own class; the engine reads only this. */
export interface Hold {
  readonly name: string;
  readonly ownerToken: string;
  /** Grows if the store had to grant the same hold anew; read it at each use. */
  readonly fencingToken: number;
  /**
   * The last fencing token that was used under this hold: `fencingToken`, until the engine counts on from it for the local leases
   * of a cohort. The engine writes it; the store takes it along with `release` and `yieldOrKeep`.
   */
  lastFencingToken: number;
  /**
   * Written by the engine when the hold's lease is in its caller's hands; default 0. A release sooner than so many ms after the grant, by the
   * store's clock, leaves the name taken for the rest: its owner token is nobody's from then on (a repeated release is answered
   * «released», a renewal «lost»), and who waits is served when the time is over. Only with `capabilities.minHold`.
   */
  minHoldMs?: number;
}

export interface Grant {
  readonly outcome: 'granted';
  readonly hold: Hold;
  /** Monotonic ms; margin already taken off. */
  readonly deadlineMs: number;
  /** The lease the store has given in fact; shorter than asked for when the grant was pushed and not yet confirmed. */
  readonly leaseMs: number;
  /**
   * The limit in force, where it is another than the request's: one that was set, or that of those who hold it already. Of a grant that
   * was waited for, as it was when the wait began or was last asked about.
   */
  readonly limit?: number;
}

export interface Busy {
  readonly outcome: 'busy';
  /** How long the holder's lease still runs, in ms. */
  readonly retryAfterMs: number;
}

/** Not queued: too many processes wait for this name. */
export interface Full {
  readonly outcome: 'full';
  /** How long the holder's lease still runs, in ms. */
  readonly retryAfterMs: number;
}

export interface Kept {
  readonly outcome: 'kept';
  /** Monotonic ms; margin already taken off. */
  readonly deadlineMs: number;
}

export interface Yielded {
  readonly outcome: 'yielded';
  /** Our new place: settles as `acquire` does. */
  readonly granted: Promise<Grant>;
}

export interface RenewRequest {
  readonly hold: Hold;
  /** The hold lasts at least this long from now; a renewal never shortens it. */
  readonly leaseMs: number;
}

export type RenewOutcome =
  | { readonly outcome: 'renewed'; readonly deadlineMs: number }
  | { readonly outcome: 'lost' }
  | { readonly outcome: 'unknown'; readonly error: Error };

/**
 * The store says that the hold was not ours. `ambiguous` when an earlier try of the same command may have been executed: the hold
 * may have ended cleanly by our own hand.
 */
export interface Refused {
  readonly outcome: 'refused';
  readonly ambiguous: boolean;
}

export type ReleaseOutcome = { readonly outcome: 'released' } | Refused;

export interface ForcedRelease {
  readonly fencingToken: number;
  readonly label: string;
}

export interface StoreInspection {
  readonly held: boolean;
  /** Wall clock of the store, ms since 1970; null when free. */
  readonly heldSinceMs: number | null;
  readonly remainingMs: number | null;
  readonly fencingToken: number | null;
  readonly label: string | null;
  /** Processes in the store's queue (each has at most one place per name). */
  readonly waiting: number;
  /** How it is held; null when free. Absent: the store knows exclusive locks only. */
  readonly mode?: HeldMode | null;
  /** Everybody who holds it, in the order in which their leases end. The fields above are those of the first. */
  readonly holders?: readonly HolderInspection[];
  /** The limit in force while it is held or waited for with one; else null. */
  readonly limit?: number | null;
}

/** One holder of a name, as `inspect` sees it. */
export interface HolderInspection {
  readonly label: string;
  /** Wall clock of the store, ms since 1970. */
  readonly heldSinceMs: number;
  readonly remainingMs: number;
  readonly fencingToken: number;
  readonly mode: HeldMode;
  /** Permits that it takes of a limit; else 1. */
  readonly weight: number;
}
