import { setImmediate } from 'node:timers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Timer, TimerOptions } from '../runtime/clock.js';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly background: boolean;
}

/**
 * A clock that a test moves by hand, so that an hour of leases takes a millisecond and comes out the same every time.
 *
 * ```ts
 * const clock = new ManualClock();
 * const locks = new LockManager({ store: memoryStore(), clock });
 * await clock.advanceAsync(30_000);
 * ```
 */
export class ManualClock implements Clock {
  /** In the order in which they were set, which decides between timers that are due together. */
  readonly #timers = new Set<PendingTimer>();
  #monotonicMs: number;
  #wallMs: number;
  #pendingTurns = 0;

  /** @param start both in ms; default: 1 000 monotonic, 2026-01-01 UTC by the wall */
  constructor(start: { monotonicMs?: number; wallMs?: number } = {}) {
    this.#monotonicMs = start.monotonicMs ?? 1000;
    this.#wallMs = start.wallMs ?? Date.UTC(2026, 0, 1);
  }

  /** How many timers would still fire. Background timers count, as do those set to `Infinity`. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** How many of them would keep a process alive. */
  get pendingForegroundTimers(): number {
    return [...this.#timers].filter((timer) => !timer.background).length;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer {
    const background = options?.background === true;
    const timer: PendingTimer = { dueMs: this.#monotonicMs + Math.max(0, delayMs), callback, background };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** In the next turn of the real event loop; by this clock no time passes. */
  nextTurn(callback: () => void, options?: TimerOptions): void {
    if (options?.background === true) {
      setImmediate(callback).unref();
      return;
    }
    this.#pendingTurns += 1;
    setImmediate(() => {
      this.#pendingTurns -= 1;
      callback();
    });
  }

  /** Moves time on and fires what falls due, in order, each at its own time; promises settle only after it returns. */
  advance(ms: number): void {
    const endMs = this.#endOf(ms);
    while (this.#fireNext(endMs));
    this.#moveTo(endMs);
  }

  /**
   * Like {@link advance}, but lets promises settle and chains of {@link nextTurn} come to their end before, between and after the
   * timers, as they do in real time.
   */
  async advanceAsync(ms: number): Promise<void> {
    const endMs = this.#endOf(ms);
    do await this.#turnsOver();
    while (this.#fireNext(endMs));
    this.#moveTo(endMs);
    await this.#turnsOver();
  }

  /** Time passes, but no timer fires until the next {@link advance}: a blocked event loop, a long garbage collection. */
  stall(ms: number): void {
    this.#moveTo(this.#endOf(ms));
  }

  /** Moves the wall clock alone, either way: the machine slept, or somebody set the clock. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }

  /** Our own turn comes after those that were asked for before it, and after the promises that those settled. */
  async #turnsOver(): Promise<void> {
    do await nextTurn();
    while (this.#pendingTurns > 0);
  }

  #endOf(ms: number): number {
    if (!(ms >= 0 && ms < Infinity))
      throw new RangeError(`a manual clock can advance by 0 ms or more, got ${ms}`);
    return this.#monotonicMs + ms;
  }

  #fireNext(endMs: number): boolean {
    let next: PendingTimer | undefined;
    for (const timer of this.#timers)
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer;
    if (next === undefined) return false;
    this.#timers.delete(next);
    this.#moveTo(next.dueMs);
    next.callback();
    return true;
  }

  #moveTo(monotonicMs: number): void {
    const passedMs = Math.max(0, monotonicMs - this.#monotonicMs); // a timer that a stall made late is due in the past
    this.#monotonicMs += passedMs;
    this.#wallMs += passedMs;
  }
}
