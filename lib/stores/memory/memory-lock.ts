import { type Clock, leaseDeadline, type Timer } from '../../clock.js';
import type {
  AcquireRequest,
  Busy,
  ForcedRelease,
  Grant,
  Hold,
  ReleaseOutcome,
  RenewOutcome,
  RenewRequest,
  StoreContext,
  StoreInspection,
} from '../lock-store.js';

/** One store of one manager, as the shared state sees it: what a process is to a Redis server. */
export interface Member {
  readonly context: StoreContext;
  /** false: its waiters are skipped, because its manager is closing. */
  granting: boolean;
}

/** A place in a line. `granted` settles with the grant, or rejects with the reason given to {@link MemoryLock.leaveQueue}. */
export interface Waiter {
  readonly outcome: 'queued';
  readonly request: AcquireRequest;
  readonly member: Member;
  readonly granted: Promise<Grant>;
  grant(grant: Grant): void;
  reject(reason: unknown): void;
}

/** What one lock needs from the table of all locks. */
export interface LockSurroundings {
  readonly clock: Clock;
  /** The least a fencing token may be when a new chain begins. */
  firstFence(): number;
  /** Look at this lock again then: it may have nothing left to remember. */
  fallsDue(atMs: number): void;
}

interface Holder {
  readonly member: Member;
  readonly request: AcquireRequest;
  readonly hold: Hold;
  readonly heldSinceMs: number;
  /** Monotonic: when the name may be given to somebody else. */
  endsAtMs: number;
  /** Monotonic: until when the holder may believe; earlier than `endsAtMs`. */
  deadlineMs: number;
}

/**
 * The state of one name. Every operation is one synchronous step, so nothing can come in between, and begins with
 * {@link settle}: a lease that has run out is over, whether or not a timer was in time to say so.
 */
export class MemoryLock {
  #holder: Holder | undefined;
  /** In arrival order, by owner token; never empty-handed: while there are waiters there is a holder. */
  readonly #waiters = new Map<string, Waiter>();
  /** Fires when the holder's lease ends; armed only while somebody waits. */
  #wakeUp: Timer | undefined;
  /** The last fencing token given out, and the first of its unbroken chain of clean releases. */
  #fence = 0;
  #chainFence = 0;
  #endedClean = false;
  /** Monotonic; while free: how long the fencing token is remembered. */
  #keepUntilMs = 0;

  constructor(private readonly surroundings: LockSurroundings) {}

  /** Monotonic: when there is nothing left to know about this lock, unless something happens before. */
  get endsAtMs(): number {
    return this.#holder?.endsAtMs ?? this.#keepUntilMs;
  }

  /** Whose it is now. */
  get ownerToken(): string | undefined {
    this.settle();
    return this.#holder?.hold.ownerToken;
  }

  acquire(member: Member, request: AcquireRequest): Grant | Busy | Waiter {
    this.settle();
    const holder = this.#holder;
    if (holder === undefined) return this.#grant(member, request);
    if (holder.hold.ownerToken === request.ownerToken) return grantOf(holder);
    if (!request.wait) return { outcome: 'busy', retryAfterMs: Math.ceil(holder.endsAtMs - this.#now()) };
    const place = this.#waiters.get(request.ownerToken);
    if (place !== undefined) return place;
    const waiter = newWaiter(member, request);
    if (member.granting) this.#waiters.set(request.ownerToken, waiter);
    this.#armWakeUp();
    return waiter;
  }

  /** The waiter gives up its place. No effect once it has been granted. */
  leaveQueue(waiter: Waiter, reason: unknown): void {
    if (this.#waiters.get(waiter.request.ownerToken) === waiter) {
      this.#waiters.delete(waiter.request.ownerToken);
      this.#armWakeUp();
    }
    waiter.reject(reason);
  }

  renew({ hold, leaseMs }: RenewRequest): RenewOutcome {
    this.settle();
    const holder = this.#holder;
    if (holder?.hold.ownerToken !== hold.ownerToken) return { outcome: 'lost' };
    holder.endsAtMs = Math.max(holder.endsAtMs, this.#now() + leaseMs);
    holder.deadlineMs = Math.max(holder.deadlineMs, leaseDeadline(this.#now(), leaseMs));
    return { outcome: 'renewed', deadlineMs: holder.deadlineMs };
  }

  release(hold: Hold): ReleaseOutcome {
    this.settle();
    if (this.#holder?.hold.ownerToken === hold.ownerToken) {
      this.#end(this.#holder, { clean: true });
      this.#grantNext();
      return { outcome: 'released' };
    }
    return this.#endedCleanBefore(hold) ? { outcome: 'released' } : { outcome: 'refused', ambiguous: false };
  }

  forceRelease(reason: string): ForcedRelease | null {
    this.settle();
    const holder = this.#holder;
    if (holder === undefined) return null;
    this.#end(holder, { clean: false });
    holder.member.context.onLost(holder.hold.ownerToken, 'forced', reason); // before the next is told that it may begin
    this.#grantNext();
    return { fencingToken: holder.hold.fencingToken, label: holder.request.label };
  }

  inspect(): StoreInspection {
    this.settle();
    const holder = this.#holder;
    return {
      held: holder !== undefined,
      heldSinceMs: holder?.heldSinceMs ?? null,
      remainingMs: holder === undefined ? null : holder.endsAtMs - this.#now(),
      fencingToken: holder?.hold.fencingToken ?? null,
      label: holder?.request.label ?? null,
      waiting: this.#waiters.size,
    };
  }

  /** The waiters of a closing manager stay unanswered: it tells them itself. */
  dropWaitersOf(member: Member): void {
    for (const [token, waiter] of this.#waiters) if (waiter.member === member) this.#waiters.delete(token);
    this.#armWakeUp();
  }

  /** No timer is left. */
  dispose(): void {
    this.#wakeUp?.cancel();
  }

  settle(): void {
    const holder = this.#holder;
    if (holder !== undefined && holder.endsAtMs <= this.#now()) this.#end(holder, { clean: false });
    if (this.#holder === undefined) this.#grantNext();
  }

  #end(holder: Holder, how: { clean: boolean }): void {
    this.#holder = undefined;
    this.#endedClean = how.clean;
    this.#keepUntilMs = this.#now() + holder.member.context.keepMs;
    this.#armWakeUp();
    this.surroundings.fallsDue(this.#keepUntilMs);
  }

  #grantNext(): void {
    const [next] = this.#waiters.values();
    if (this.#holder !== undefined || next === undefined) return;
    this.#waiters.delete(next.request.ownerToken);
    next.grant(this.#grant(next.member, next.request));
  }

  #grant(member: Member, request: AcquireRequest): Grant {
    const nowMs = this.#now();
    const { name, ownerToken, leaseMs } = request;
    const inChain = this.#endedClean && this.#keepUntilMs > nowMs;
    this.#fence = inChain ? this.#fence + 1 : Math.max(this.#fence + 1, this.surroundings.firstFence());
    if (!inChain) this.#chainFence = this.#fence;
    this.#holder = {
      member,
      request,
      hold: { name, ownerToken, fencingToken: this.#fence },
      heldSinceMs: this.surroundings.clock.wallMs(),
      endsAtMs: nowMs + leaseMs,
      deadlineMs: leaseDeadline(nowMs, leaseMs),
    };
    this.#armWakeUp();
    this.surroundings.fallsDue(this.#holder.endsAtMs);
    return grantOf(this.#holder);
  }

  /** Every hold of a chain but the present one ended cleanly: a repeated release is known without a list of old owners. */
  #endedCleanBefore(hold: Hold): boolean {
    if (this.#holder === undefined && !this.#endedClean) return false;
    const lastEnded = this.#holder === undefined ? this.#fence : this.#fence - 1;
    return hold.fencingToken >= this.#chainFence && hold.fencingToken <= lastEnded;
  }

  /** Not a background timer: a process that only waits for this must not end. */
  #armWakeUp(): void {
    this.#wakeUp?.cancel();
    this.#wakeUp = undefined;
    if (this.#holder === undefined || this.#waiters.size === 0) return;
    this.#wakeUp = this.surroundings.clock.setTimer(this.#holder.endsAtMs - this.#now(), () => {
      this.settle();
      this.#armWakeUp(); // the lease had been renewed, or the next holder has waiters too
    });
  }

  #now(): number {
    return this.surroundings.clock.monotonicMs();
  }
}

function grantOf({ hold, deadlineMs, request }: Holder): Grant {
  return { outcome: 'granted', hold, deadlineMs, leaseMs: request.leaseMs };
}

function newWaiter(member: Member, request: AcquireRequest): Waiter {
  let grant!: (grant: Grant) => void;
  let reject!: (reason: unknown) => void;
  const granted = new Promise<Grant>((resolve, rejectPromise) => {
    grant = resolve;
    reject = rejectPromise;
  });
  return { outcome: 'queued', request, member, granted, grant, reject };
}
