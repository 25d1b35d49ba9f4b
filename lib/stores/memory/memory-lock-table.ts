import type { Clock, Timer } from '../../runtime/clock.js';
import { type LockSurroundings, MemoryLock } from './memory-lock.js';
import type { Member } from './memory-waiter.js';

/** With very many names the sweep must not run for each one that falls due. */
const SHORTEST_SWEEP_MS = 100;

/**
 * All locks behind a memory store: what a server is to other stores. Several stores on one table exclude each other as
 * processes on one Redis do; that is for tests.
 */
export class MemoryLockTable implements LockSurroundings {
  readonly #locks = new Map<string, MemoryLock>();
  readonly #members = new Set<Member>();
  #sweep: { readonly atMs: number; readonly timer: Timer } | undefined;
  #wallMs = 0;
  #wallReadAtMs = 0;

  constructor(readonly clock: Clock) {}

  join(member: Member): void {
    this.#members.add(member);
  }

  /** The last one to leave takes everything with it. */
  leave(member: Member): void {
    this.stopGranting(member);
    this.#members.delete(member);
    if (this.#members.size === 0) this.wipe();
  }

  stopGranting(member: Member): void {
    member.granting = false;
    for (const lock of this.#locks.values()) lock.dropWaitersOf(member);
  }

  /** The lock of a name if there is anything to know about it. */
  find(member: Member, name: string): MemoryLock | undefined {
    return this.#locks.get(keyOf(member, name));
  }

  findOrCreate(member: Member, name: string): MemoryLock {
    const key = keyOf(member, name);
    const found = this.#locks.get(key);
    if (found !== undefined) return found;
    const lock = new MemoryLock(this);
    this.#locks.set(key, lock);
    return lock;
  }

  /** `prefix name` of every lock there is something to know about. */
  keys(): string[] {
    return [...this.#locks.keys()];
  }

  /** Forgets everything at once, as a server does that loses its data; whoever waits is left waiting. */
  wipe(): void {
    for (const lock of this.#locks.values()) lock.dispose();
    this.#locks.clear();
    this.#sweep?.timer.cancel();
    this.#sweep = undefined;
  }

  /** Wall time in µs; goes on when the wall clock is set back, so that a forgotten name starts above its old tokens. */
  firstFence(): number {
    const nowMs = this.clock.monotonicMs();
    this.#wallMs = Math.max(this.clock.wallMs(), this.#wallMs + nowMs - this.#wallReadAtMs);
    this.#wallReadAtMs = nowMs;
    return Math.floor(this.#wallMs * 1000);
  }

  /** One background timer for all locks drops those with nothing left to know. */
  fallsDue(atMs: number): void {
    if (this.#sweep !== undefined && this.#sweep.atMs <= atMs) return;
    this.#sweep?.timer.cancel();
    const delayMs = Math.max(SHORTEST_SWEEP_MS, atMs - this.clock.monotonicMs());
    this.#sweep = { atMs, timer: this.clock.setTimer(delayMs, () => this.#runSweep(), { background: true }) };
  }

  #runSweep(): void {
    this.#sweep = undefined;
    let nextMs = Infinity;
    for (const [key, lock] of this.#locks) {
      lock.settle();
      if (lock.endsAtMs <= this.clock.monotonicMs()) this.#locks.delete(key);
      else nextMs = Math.min(nextMs, lock.endsAtMs);
    }
    if (nextMs < Infinity) this.fallsDue(nextMs);
  }
}

/** A prefix contains no space, so two different pairs never give one key. */
function keyOf(member: Member, name: string): string {
  return `${member.context.prefix} ${name}`;
}
