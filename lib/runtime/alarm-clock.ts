import { type Clock, LATE_MS, type Timer, type TimerOptions, whenSocketsAreRead } from './clock.js';

/** Something that is to be woken. The field is the alarm clock's own: when; Infinity: not set. */
export interface Sleeper {
  alarmAtMs: number;
}

/** Sleepers within so many ms lie in one bucket. Only a bucket's order is coarse: an alarm never rings early, and late by no design. */
const BUCKET_MS = 16;

/**
 * Wakes many sleepers, each at its own time, with one timer for all of them: setting and clearing an alarm costs the same however
 * many there are, and nothing in the event loop. A hashed timing wheel (Varghese and Lauck, «Hashed and Hierarchical Timing Wheels»,
 * 1987) whose spokes are a Map.
 */
export class AlarmClock<S extends Sleeper> {
  readonly #buckets = new Map<number, Set<S>>();
  #timer: Timer | undefined;
  #ringsAtMs = Infinity;

  /** @param ring gets all that are due; their alarms are cleared already. Must not throw: it runs in a timer. */
  constructor(
    private readonly clock: Clock,
    private readonly ring: (due: readonly S[]) => void,
    private readonly timerOptions?: TimerOptions,
  ) {}

  /** Monotonic; replaces an earlier alarm of the same sleeper. Infinity never rings. */
  set(sleeper: S, atMs: number): void {
    this.#remove(sleeper);
    sleeper.alarmAtMs = atMs;
    if (atMs === Infinity) return;
    const index = Math.floor(atMs / BUCKET_MS);
    const bucket = this.#buckets.get(index);
    if (bucket === undefined) this.#buckets.set(index, new Set([sleeper]));
    else bucket.add(sleeper);
    if (atMs < this.#ringsAtMs) this.#arm(atMs);
  }

  clear(sleeper: S): void {
    this.#remove(sleeper);
    if (this.#buckets.size === 0) this.#disarm(); // nothing is armed for nobody
  }

  /** Those who are next, in rough order of time, none later than `untilMs`; at most `count`. */
  upcoming(untilMs: number, count: number): S[] {
    const found: S[] = [];
    const near = [...this.#buckets].filter(([index]) => index * BUCKET_MS <= untilMs);
    for (const [, bucket] of near.sort(([a], [b]) => a - b)) {
      for (const sleeper of bucket) {
        if (found.length >= count) return found;
        if (sleeper.alarmAtMs <= untilMs) found.push(sleeper);
      }
    }
    return found;
  }

  #remove(sleeper: S): void {
    if (sleeper.alarmAtMs === Infinity) return;
    const index = Math.floor(sleeper.alarmAtMs / BUCKET_MS);
    const bucket = this.#buckets.get(index);
    sleeper.alarmAtMs = Infinity;
    bucket?.delete(sleeper);
    if (bucket?.size === 0) this.#buckets.delete(index);
  }

  /** After a block an alarm is late, and what it would give up may be answered already. */
  #wake(dueMs: number): void {
    if (this.clock.monotonicMs() - dueMs <= LATE_MS) this.#ringDue();
    else whenSocketsAreRead(this.clock, () => this.#ringDue());
  }

  #ringDue(): void {
    this.#disarm();
    const due = this.upcoming(this.clock.monotonicMs(), Infinity);
    for (const sleeper of due) this.#remove(sleeper);
    this.ring(due);
    this.#armForFirst();
  }

  #armForFirst(): void {
    let first = Infinity;
    for (const index of this.#buckets.keys()) first = Math.min(first, index);
    let atMs = Infinity;
    for (const { alarmAtMs } of this.#buckets.get(first) ?? []) atMs = Math.min(atMs, alarmAtMs);
    if (atMs < this.#ringsAtMs) this.#arm(atMs);
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#ringsAtMs = atMs;
    const nowMs = this.clock.monotonicMs();
    this.#timer = this.clock.setTimer(
      atMs - nowMs,
      () => this.#wake(Math.max(atMs, nowMs)),
      this.timerOptions,
    );
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ringsAtMs = Infinity;
  }
}
