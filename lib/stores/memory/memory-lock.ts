import { type Clock, leaseDeadline, type Timer } from '../../runtime/clock.js';
import type {
  AcquireRequest,
  Busy,
  ForcedRelease,
  Full,
  Grant,
  Hold,
  Kept,
  Refused,
  ReleaseOutcome,
  RenewOutcome,
  RenewRequest,
  StoreInspection,
} from '../lock-store.js';
import { type Member, newWaiter, type Waiter } from './memory-waiter.js';

/** What one lock needs from the table of all locks. */
export interface LockSurroundings {
  readonly clock: Clock;
  /** The least a fencing token may be when a new chain begins. */
  firstFence(): number;
  /** Look at this lock again then: it may have nothing left to remember. */
  fallsDue(atMs: number): void;
}

const REFUSED: Refused = { outcome: 'refused', ambiguous: false };

interface Holder {
  readonly member: Member;
  /** The one the engine has: what it counts on is known here at once. */
  readonly hold: Hold & { fencingToken: number };
  readonly leaseMs: number;
  readonly heldSinceMs: number;
  label: string;
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

  acquire(member: Member, request: AcquireRequest): Grant | Busy | Full | Waiter {
    this.settle();
    const holder = this.#holder;
    if (holder === undefined) return this.#grant(member, request);
    if (holder.hold.ownerToken === request.ownerToken) return grantOf(holder);
    const retryAfterMs = Math.ceil(holder.endsAtMs - this.#now());
    if (!request.wait) return { outcome: 'busy', retryAfterMs };
    const place = this.#waiters.get(request.ownerToken);
    if (place !== undefined) return place; // it keeps its turn, however many have come since
    if (this.#waiters.size >= request.maxWaitingProcesses) return { outcome: 'full', retryAfterMs };
    return this.#queue(member, request);
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
    this.#lengthen(holder, leaseMs);
    return { outcome: 'renewed', deadlineMs: holder.deadlineMs };
  }

  release(hold: Hold): ReleaseOutcome {
    this.settle();
    if (this.#holder?.hold.ownerToken === hold.ownerToken) {
      this.#end(this.#holder, { clean: true });
      this.#grantNext();
      return { outcome: 'released' };
    }
    return this.#endedCleanBefore(hold) ? { outcome: 'released' } : REFUSED;
  }

  /** Whoever is queued counts, also one of the same member: its options may forbid what the engine does inside a process. */
  yieldOrKeep(member: Member, hold: Hold, request: AcquireRequest): Kept | Waiter | Refused {
    this.settle();
    const holder = this.#holder;
    if (holder?.hold.ownerToken !== hold.ownerToken) return REFUSED;
    if (this.#waiters.size === 0) return this.#keep(holder, request);
    this.#end(holder, { clean: true });
    this.#grantNext();
    return this.#queue(member, request); // never too many: one has just left the queue
  }

  forceRelease(reason: string): ForcedRelease | null {
    this.settle();
    const holder = this.#holder;
    if (holder === undefined) return null;
    this.#end(holder, { clean: false });
    holder.member.context.onLost(holder.hold.ownerToken, 'forced', reason); // before the next is told that it may begin
    this.#grantNext();
    return { fencingToken: holder.hold.fencingToken, label: holder.label };
  }

  inspect(): StoreInspection {
    this.settle();
    const holder = this.#holder;
    return {
      held: holder !== undefined,
      heldSinceMs: holder?.heldSinceMs ?? null,
      remainingMs: holder === undefined ? null : holder.endsAtMs - this.#now(),
      fencingToken: holder?.hold.fencingToken ?? null,
      label: holder?.label ?? null,
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
    this.#fence = Math.max(this.#fence, holder.hold.lastFencingToken);
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
    const { name, ownerToken, leaseMs, label } = request;
    const inChain = this.#endedClean && this.#keepUntilMs > nowMs;
    this.#fence = inChain ? this.#fence + 1 : Math.max(this.#fence + 1, this.surroundings.firstFence());
    if (!inChain) this.#chainFence = this.#fence;
    this.#holder = {
      member,
      hold: { name, ownerToken, fencingToken: this.#fence, lastFencingToken: this.#fence },
      leaseMs,
      label,
      heldSinceMs: this.surroundings.clock.wallMs(),
      endsAtMs: nowMs + leaseMs,
      deadlineMs: leaseDeadline(nowMs, leaseMs),
    };
    this.#armWakeUp();
    this.surroundings.fallsDue(this.#holder.endsAtMs);
    return grantOf(this.#holder);
  }

  #keep(holder: Holder, { leaseMs, label }: AcquireRequest): Kept {
    const { hold } = holder;
    this.#fence = Math.max(this.#fence, hold.lastFencingToken) + 1;
    hold.fencingToken = this.#fence;
    hold.lastFencingToken = this.#fence;
    holder.label = label;
    this.#lengthen(holder, leaseMs);
    return { outcome: 'kept', deadlineMs: holder.deadlineMs };
  }

  #lengthen(holder: Holder, leaseMs: number): void {
    holder.endsAtMs = Math.max(holder.endsAtMs, this.#now() + leaseMs);
    holder.deadlineMs = Math.max(holder.deadlineMs, leaseDeadline(this.#now(), leaseMs));
  }

  #queue(member: Member, request: AcquireRequest): Waiter {
    const waiter = newWaiter(member, request);
    if (member.granting) this.#waiters.set(request.ownerToken, waiter);
    this.#armWakeUp();
    return waiter;
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

function grantOf({ hold, deadlineMs, leaseMs }: Holder): Grant {
  return { outcome: 'granted', hold, deadlineMs, leaseMs };
}
