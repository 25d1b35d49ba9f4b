import type { AlarmClock, Sleeper } from '../runtime/alarm-clock.js';
import { listenTo } from '../caller-signal.js';
import type { SingleLease } from '../holding/single-lease.js';
import type { AcquireSettings } from '../acquire-options.js';

/** Where somebody waits. */
export interface WaitersLine {
  readonly name: string;
  /** The waiter gives up. */
  leave(waiter: Waiter, reason: unknown): void;
  /** Its time is over. */
  overdue(waiter: Waiter): void;
}

/** A caller who waits for its turn. */
export class Waiter implements Sleeper {
  alarmAtMs = Infinity;
  alarmIndex = 0;
  /** Its neighbours in the queue; undefined at its ends, and when it is in none. The queue's own. */
  ahead: Waiter | undefined;
  behind: Waiter | undefined;
  /** Has the event `waiting` been sent for it? */
  told = false;
  /** Monotonic: until then it stays although its time is over, because we slept over it and the store has not answered yet. */
  staysUntilMs: number | undefined;
  resolve!: (lease: SingleLease) => void;
  reject!: (reason: unknown) => void;
  #onAbort: (() => void) | undefined;

  constructor(
    readonly line: WaitersLine,
    readonly settings: AcquireSettings,
    /** Monotonic: what `waitMs` counts from. */
    readonly calledAtMs: number,
  ) {}

  /** Resolves when it is this waiter's turn; rejects when its wait ends before. @throws when its signal does not let it begin */
  begin(alarms: AlarmClock<Waiter>): Promise<SingleLease> {
    const { signal, waitMs } = this.settings;
    if (signal !== undefined) {
      this.#onAbort = () => this.line.leave(this, signal.reason);
      listenTo(signal, this.#onAbort, this.line.name);
    }
    alarms.set(this, this.calledAtMs + waitMs);
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  end(alarms: AlarmClock<Waiter>): void {
    alarms.clear(this);
    if (this.#onAbort !== undefined) this.settings.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/**
 * The line for one name in this process: first come, first served. A linked list: cancelling 1 000 waiters is not 1 000 scans, and the
 * usual line, one caller that is served at once, costs no table.
 */
export class LocalQueue {
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  #size = 0;

  /** @param alarms of all lines: a wait has no timer of its own */
  constructor(private readonly alarms: AlarmClock<Waiter>) {}

  get size(): number {
    return this.#size;
  }

  /** Who is next; undefined when nobody waits. */
  get head(): Waiter | undefined {
    return this.#first;
  }

  /** Goes to the end of the line. @throws when its signal does not let it; then it is not in the line */
  add(waiter: Waiter): Promise<SingleLease> {
    const lease = waiter.begin(this.alarms);
    this.#append(waiter);
    return lease;
  }

  #append(waiter: Waiter): void {
    const last = this.#last;
    waiter.ahead = last;
    if (last === undefined) this.#first = waiter;
    else last.behind = waiter;
    this.#last = waiter;
    this.#size += 1;
  }

  /** false: had left before. */
  remove(waiter: Waiter): boolean {
    const { ahead, behind } = waiter;
    if (ahead === undefined && this.#first !== waiter) return false;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    waiter.ahead = waiter.behind = undefined;
    this.#size -= 1;
    waiter.end(this.alarms);
    return true;
  }

  /** Its time is over, but it is looked at once more. */
  stay(waiter: Waiter, atMs: number): void {
    this.alarms.set(waiter, atMs);
  }

  /** Everybody leaves. */
  failAll(reason: (waiter: Waiter) => unknown): void {
    const waiters: Waiter[] = [];
    for (let next = this.#first; next !== undefined; next = this.#first) {
      this.remove(next);
      waiters.push(next);
    }
    for (const waiter of waiters) waiter.reject(reason(waiter));
  }
}

/** For the alarm clock of all waiters. */
export function endWaits(late: readonly Waiter[]): void {
  for (const waiter of late) waiter.line.overdue(waiter);
}
