import type { AcquireLine } from './acquire-line.js';
import type { AlarmClock, Sleeper } from '../runtime/alarm-clock.js';
import { listenTo } from '../caller-signal.js';
import type { Lease } from '../holding/lease.js';
import type { AcquireSettings } from '../lock-options.js';

/** A caller who waits for its turn. */
export class Waiter implements Sleeper {
  alarmAtMs = Infinity;
  /** Has the event `waiting` been sent for it? */
  told = false;
  /** Monotonic: until then it stays although its time is over, because we slept over it and the store has not answered yet. */
  staysUntilMs: number | undefined;
  resolve!: (lease: Lease) => void;
  reject!: (reason: unknown) => void;
  #onAbort: (() => void) | undefined;

  constructor(
    readonly line: AcquireLine,
    readonly settings: AcquireSettings,
    /** Monotonic: what `waitMs` counts from. */
    readonly calledAtMs: number,
  ) {}

  /** Resolves when it is this waiter's turn; rejects when its wait ends before. @throws when its signal does not let it begin */
  begin(alarms: AlarmClock<Waiter>): Promise<Lease> {
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

/** The line for one name in this process: first come, first served. */
export class LocalQueue {
  // A Set keeps insertion order and removes from the middle in O(1): cancelling 1 000 waiters is not 1 000 scans.
  readonly #waiters = new Set<Waiter>();

  /** @param alarms of all lines: a wait has no timer of its own */
  constructor(private readonly alarms: AlarmClock<Waiter>) {}

  get size(): number {
    return this.#waiters.size;
  }

  /** Who is next; undefined when nobody waits. */
  get head(): Waiter | undefined {
    return this.#waiters.size === 0 ? undefined : this.#waiters.values().next().value;
  }

  /** Goes to the end of the line. @throws when its signal does not let it; then it is not in the line */
  add(waiter: Waiter): Promise<Lease> {
    const lease = waiter.begin(this.alarms);
    this.#waiters.add(waiter);
    return lease;
  }

  /** false: had left before. */
  remove(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    waiter.end(this.alarms);
    return true;
  }

  /** Its time is over, but it is looked at once more. */
  stay(waiter: Waiter, atMs: number): void {
    this.alarms.set(waiter, atMs);
  }

  /** Everybody leaves. */
  failAll(reason: (waiter: Waiter) => unknown): void {
    const waiters = [...this.#waiters];
    for (const waiter of waiters) this.remove(waiter);
    for (const waiter of waiters) waiter.reject(reason(waiter));
  }
}

/** For the alarm clock of all waiters. */
export function endWaits(late: readonly Waiter[]): void {
  for (const waiter of late) waiter.line.overdue(waiter);
}
