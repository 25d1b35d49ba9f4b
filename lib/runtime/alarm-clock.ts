import { type Clock, LATE_MS, type Timer, type TimerOptions, whenSocketsAreRead } from './clock.js';

/** Something that is to be woken. The fields are the alarm clock's own. */
export interface Sleeper {
  /** When; Infinity: not set. */
  alarmAtMs: number;
  /** Where it lies in the heap, while its alarm is set. */
  alarmIndex: number;
}

/**
 * Wakes many sleepers, each at its own time, with one timer for all of them: an alarm costs nothing in the event loop. A binary heap in
 * one array (Williams, «Heapsort», 1964) whose entries know their places, so that an alarm is cleared without a search and nothing is
 * allocated for it.
 */
export class AlarmClock<S extends Sleeper> {
  readonly #heap: S[] = [];
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
    if (atMs === Infinity) return;
    sleeper.alarmAtMs = atMs;
    this.#heap.push(sleeper);
    this.#rise(sleeper, this.#heap.length - 1);
    if (atMs < this.#ringsAtMs) this.#arm(atMs);
  }

  clear(sleeper: S): void {
    this.#remove(sleeper);
    if (this.#heap.length === 0) this.#disarm(); // nothing is armed for nobody
  }

  /** Those who are next, in order of time, none later than `untilMs`; at most `count`. */
  upcoming(untilMs: number, count: number): S[] {
    const found: S[] = [];
    const open = [0];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const sleeper = this.#heap[index];
      if (sleeper === undefined || sleeper.alarmAtMs > untilMs) continue; // nobody below it is earlier
      found.push(sleeper);
      open.push(2 * index + 1, 2 * index + 2);
    }
    return found.sort((a, b) => a.alarmAtMs - b.alarmAtMs).slice(0, count);
  }

  #remove(sleeper: S): void {
    if (sleeper.alarmAtMs === Infinity) return;
    sleeper.alarmAtMs = Infinity;
    const last = this.#heap.pop();
    if (last === undefined || last === sleeper) return;
    const { alarmIndex } = sleeper;
    this.#rise(last, alarmIndex);
    this.#sink(last, last.alarmIndex);
  }

  /** Puts it where it belongs, at `index` or above. */
  #rise(sleeper: S, index: number): void {
    let at = index;
    while (at > 0) {
      const parentIndex = (at - 1) >> 1;
      const parent = this.#heap[parentIndex] as S;
      if (parent.alarmAtMs <= sleeper.alarmAtMs) break;
      this.#place(parent, at);
      at = parentIndex;
    }
    this.#place(sleeper, at);
  }

  /** Puts it where it belongs, at `index` or below. */
  #sink(sleeper: S, index: number): void {
    let at = index;
    for (;;) {
      const left = this.#heap[2 * at + 1];
      const right = this.#heap[2 * at + 2];
      const child = right !== undefined && right.alarmAtMs < (left as S).alarmAtMs ? right : left;
      if (child === undefined || child.alarmAtMs >= sleeper.alarmAtMs) break;
      const { alarmIndex } = child;
      this.#place(child, at);
      at = alarmIndex;
    }
    this.#place(sleeper, at);
  }

  #place(sleeper: S, index: number): void {
    this.#heap[index] = sleeper;
    sleeper.alarmIndex = index;
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
    const atMs = this.#heap[0]?.alarmAtMs ?? Infinity;
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
