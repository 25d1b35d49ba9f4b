// over budget: the state of one name, of which each operation is a step that needs all
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
  UpgradeRequest,
} from '../lock-store.js';
import { fits } from '../mechanics/admission.js';
import { FenceChain } from './memory-fences.js';
import { grantOf, type Holder, inspectionOf, issued, lengthen, placeOf, restOf } from './memory-holders.js';
import { MemoryLimit } from './memory-limit.js';
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

/**
 * The state of one name. Every operation is one synchronous step, so nothing can come in between, and begins with
 * {@link settle}: a lease that has run out is over, whether or not a timer was in time to say so.
 */
export class MemoryLock {
  /** By owner token, oldest first. */
  readonly #holders = new Map<string, Holder>();
  /** In arrival order, by owner token; never empty-handed: while there are waiters there is a holder. */
  readonly #waiters = new Map<string, Waiter>();
  /** The upgradeable holder that waits to be alone: before everybody, and nobody comes in meanwhile. */
  #upgrade: Waiter | undefined;
  /** Fires when the first lease ends; armed only while somebody waits. */
  #wakeUp: Timer | undefined;
  /** Monotonic; while free: how long the fencing token is remembered. */
  #keepUntilMs = 0;
  readonly #limit = new MemoryLimit();
  readonly #fences: FenceChain;

  constructor(private readonly surroundings: LockSurroundings) {
    this.#fences = new FenceChain(() => surroundings.firstFence());
  }

  /** Monotonic: when there is nothing left to know about this lock, unless something happens before. */
  get endsAtMs(): number {
    if (this.#limit.isSet) return Infinity;
    let atMs = this.#keepUntilMs;
    for (const { endsAtMs } of this.#holders.values()) atMs = Math.max(atMs, endsAtMs);
    return atMs;
  }

  /** Whose it is now: of the one who has held it longest. */
  get ownerToken(): string | undefined {
    this.settle();
    const [first] = this.#holders.keys();
    return first;
  }

  /** @throws LockUsageError when the name is used in another way at this moment, or the weight is above the limit in force */
  acquire(member: Member, request: AcquireRequest): Grant | Busy | Full | Waiter {
    this.settle();
    const { ownerToken } = request;
    const own = this.#holders.get(ownerToken);
    if (own !== undefined) return grantOf(own, this.#limit.inForce(own.limit));
    const place = this.#waiters.get(ownerToken);
    if (place !== undefined) return place; // it keeps its turn, however many have come since
    this.#check(request);
    if (this.#isOpen && fits(request, this.#holders.values(), this.#limit.inForce(request.limit)))
      return this.#grant(member, request);
    const retryAfterMs = Math.ceil(this.#firstEndMs() - this.#now());
    if (!request.wait) return { outcome: 'busy', retryAfterMs };
    if (this.#waiters.size >= request.maxWaitingProcesses) return { outcome: 'full', retryAfterMs };
    this.#tellOfWaiter();
    return this.#queue(member, request);
  }

  /** The first to queue behind one who was told, perhaps, that nobody does. */
  #tellOfWaiter(): void {
    if (!this.#isOpen) return;
    for (const { member, hold } of this.#holders.values()) member.context.onWaitedFor?.(hold.ownerToken);
  }

  /** The waiter gives up its place. No effect once it has been granted. */
  leaveQueue(waiter: Waiter, reason: unknown): void {
    if (this.#upgrade === waiter) this.#upgrade = undefined;
    if (this.#waiters.get(waiter.request.ownerToken) === waiter)
      this.#waiters.delete(waiter.request.ownerToken);
    waiter.reject(reason);
    this.#grantNext(); // those behind it may fit
    this.#armWakeUp();
  }

  renew({ hold, leaseMs }: RenewRequest): RenewOutcome {
    this.settle();
    const holder = this.#holders.get(hold.ownerToken);
    if (holder === undefined) return { outcome: 'lost' };
    lengthen(holder, leaseMs, this.#now());
    return { outcome: 'renewed', deadlineMs: holder.deadlineMs };
  }

  release(hold: Hold): ReleaseOutcome {
    this.settle();
    const holder = this.#holders.get(hold.ownerToken);
    if (holder === undefined) return this.#fences.endedCleanBefore(hold) ? { outcome: 'released' } : REFUSED;
    const rest = restOf(holder);
    if (rest !== undefined && rest.endsAtMs > this.#now()) this.#leaveTaken(holder, rest);
    else this.#end(holder, { clean: true });
    this.#grantNext();
    return { outcome: 'released' };
  }

  /** Whoever is queued counts, also one of the same member: its options may forbid what the engine does inside a process. */
  yieldOrKeep(member: Member, hold: Hold, request: AcquireRequest): Kept | Waiter | Refused {
    this.settle();
    const holder = this.#holders.get(hold.ownerToken);
    if (holder === undefined) return REFUSED;
    if (this.#isOpen) return this.#keep(holder, request);
    this.#end(holder, { clean: true });
    this.#grantNext();
    return this.#queue(member, request); // never too many: one has just left the queue
  }

  /** An upgradeable hold becomes exclusive as soon as it is alone, with a new fencing token. */
  upgrade(member: Member, hold: Hold, { wait }: UpgradeRequest): Grant | Busy | Waiter | Refused {
    this.settle();
    const holder = this.#holders.get(hold.ownerToken);
    if (holder === undefined) return REFUSED;
    if (holder.mode === 'exclusive') return grantOf(holder); // asked twice
    if (this.#holders.size === 1) return this.#makeExclusive(holder);
    if (!wait) return { outcome: 'busy', retryAfterMs: Math.ceil(this.#firstEndMs() - this.#now()) };
    this.#upgrade = newWaiter(member, placeOf(holder));
    this.#armWakeUp();
    return this.#upgrade;
  }

  /** false: it is not ours. */
  downgrade(hold: Hold): boolean {
    this.settle();
    const holder = this.#holders.get(hold.ownerToken);
    if (holder === undefined) return false;
    holder.mode = 'shared';
    this.#grantNext();
    return true;
  }

  /** null: each caller's own. Whoever is queued with more than the limit would never be served: it is told. */
  setLimit(limit: number | null): void {
    this.settle();
    this.#limit.set(limit);
    for (const waiter of this.#waiters.values()) {
      try {
        this.#check(waiter.request);
      } catch (error) {
        this.leaveQueue(waiter, error);
      }
    }
    this.#grantNext();
    this.surroundings.fallsDue(this.endsAtMs);
  }

  forceRelease(reason: string, fencingToken?: number): ForcedRelease | null {
    this.settle();
    const ended = [...this.#holders.values()].filter(
      (holder) => fencingToken === undefined || issued(holder, fencingToken),
    );
    for (const holder of ended) this.#end(holder, { clean: false });
    // Before the next is told that it may begin.
    for (const { member, hold } of ended) member.context.onLost(hold.ownerToken, 'forced', reason);
    this.#grantNext();
    const [first] = ended;
    return first === undefined ? null : { fencingToken: first.hold.fencingToken, label: first.label };
  }

  inspect(): StoreInspection {
    this.settle();
    return inspectionOf([...this.#holders.values()], {
      nowMs: this.#now(),
      waiting: this.#waiters.size,
      limit: this.#limit.told,
    });
  }

  /** The waiters of a closing manager stay unanswered: it tells them itself. */
  dropWaitersOf(member: Member): void {
    for (const [token, waiter] of this.#waiters) if (waiter.member === member) this.#waiters.delete(token);
    if (this.#upgrade?.member === member) this.#upgrade = undefined;
    this.#grantNext();
    this.#armWakeUp();
  }

  /** No timer is left. */
  dispose(): void {
    this.#wakeUp?.cancel();
  }

  settle(): void {
    const nowMs = this.#now();
    for (const holder of this.#holders.values())
      if (holder.endsAtMs <= nowMs) this.#end(holder, { clean: false });
    this.#grantNext();
  }

  #leaveTaken(holder: Holder, rest: Holder): void {
    this.#holders.set(rest.hold.ownerToken, rest); // before the end: the name is not free in between
    this.#end(holder, { clean: true });
    this.surroundings.fallsDue(rest.endsAtMs);
  }

  #end(holder: Holder, how: { clean: boolean }): void {
    const { hold, member } = holder;
    this.#holders.delete(hold.ownerToken);
    if (this.#upgrade?.request.ownerToken === hold.ownerToken) this.#upgrade = undefined; // its caller sees the loss
    this.#fences.ended(hold, how);
    this.#keepUntilMs = this.#now() + member.context.keepMs;
    if (this.#holders.size + this.#waiters.size === 0) this.#limit.unused();
    this.#armWakeUp();
    this.surroundings.fallsDue(this.#keepUntilMs);
  }

  /** Whoever is first, while they fit; nobody overtakes the head of the queue. */
  #grantNext(): void {
    if (this.#upgrade !== undefined) {
      const holder = this.#holders.get(this.#upgrade.request.ownerToken);
      if (holder === undefined || this.#holders.size > 1) return;
      const waiter = this.#upgrade;
      this.#upgrade = undefined;
      waiter.grant(this.#makeExclusive(holder));
      return;
    }
    for (const [token, next] of this.#waiters) {
      if (!fits(next.request, this.#holders.values(), this.#limit.inForce(next.request.limit))) return;
      this.#waiters.delete(token);
      next.grant(this.#grant(next.member, next.request));
    }
  }

  #grant(member: Member, request: AcquireRequest): Grant {
    const nowMs = this.#now();
    const { name, ownerToken, leaseMs, label, mode, limit, weight } = request;
    const fencingToken = this.#fences.next(this.#holders.size > 0 || this.#keepUntilMs > nowMs);
    this.#limit.used(limit);
    const holder: Holder = {
      member,
      hold: { name, ownerToken, fencingToken, lastFencingToken: fencingToken },
      leaseMs,
      label,
      mode,
      limit,
      weight,
      heldSinceMs: this.surroundings.clock.wallMs(),
      grantedAtMs: nowMs,
      endsAtMs: nowMs + leaseMs,
      deadlineMs: leaseDeadline(nowMs, leaseMs),
    };
    this.#holders.set(ownerToken, holder);
    this.#armWakeUp();
    this.surroundings.fallsDue(holder.endsAtMs);
    return grantOf(holder, this.#limit.inForce(limit));
  }

  #keep(holder: Holder, { leaseMs, label }: AcquireRequest): Kept {
    this.#fences.renew(holder.hold);
    holder.label = label;
    lengthen(holder, leaseMs, this.#now());
    return { outcome: 'kept', deadlineMs: holder.deadlineMs };
  }

  #makeExclusive(holder: Holder): Grant {
    this.#fences.renew(holder.hold);
    holder.mode = 'exclusive';
    lengthen(holder, holder.leaseMs, this.#now());
    return grantOf(holder);
  }

  #queue(member: Member, request: AcquireRequest): Waiter {
    const waiter = newWaiter(member, request);
    this.#limit.used(request.limit);
    if (member.granting) this.#waiters.set(request.ownerToken, waiter);
    this.#armWakeUp();
    return waiter;
  }

  /** Nobody waits. */
  get #isOpen(): boolean {
    return this.#waiters.size === 0 && this.#upgrade === undefined;
  }

  #check(request: AcquireRequest): void {
    const waiting = Array.from(this.#waiters.values(), (waiter) => waiter.request);
    this.#limit.check(request, [...this.#holders.values(), ...waiting]);
  }

  #firstEndMs(): number {
    let atMs = Infinity;
    for (const { endsAtMs } of this.#holders.values()) atMs = Math.min(atMs, endsAtMs);
    return atMs;
  }

  /** Not a background timer: a process that only waits for this must not end. */
  #armWakeUp(): void {
    this.#wakeUp?.cancel();
    this.#wakeUp = undefined;
    if (this.#holders.size === 0 || this.#isOpen) return;
    this.#wakeUp = this.surroundings.clock.setTimer(this.#firstEndMs() - this.#now(), () => {
      this.settle();
      this.#armWakeUp(); // the lease had been renewed, or the next holder has waiters too
    });
  }

  #now(): number {
    return this.surroundings.clock.monotonicMs();
  }
}
