/**
 * Time, as the engine sees it. Every reading and every timer in `lib/` goes through this port, so that a test or a
 * simulation can move time by hand, and so that nothing believes the wall clock by accident:
 *
 * - `monotonicMs` decides (deadlines, waits): it never goes back and does not jump when the wall clock is set.
 * - `wallMs` only raises suspicion: Linux stops the monotonic clock while the machine sleeps, so wall time running ahead
 *   of monotonic time means that a lease may have less left than we think (DESIGN 6.6, RELIABILITY finding 10).
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; fractional; never goes back. */
  monotonicMs(): number;
  /** Milliseconds since 1970 by the wall clock; may jump either way. */
  wallMs(): number;
  /**
   * Calls `callback` once, `delayMs` from now. `Infinity` never fires. The callback must not throw.
   * A `background` timer does not keep the process alive (renewals, polls); others do.
   */
  setTimer(delayMs: number, callback: () => void, options?: TimerOptions): Timer;
  /**
   * Calls `callback` once, after the event loop has served the timers and sockets that are due now. For chains of work that would
   * otherwise never let it turn. The callback must not throw.
   * A `background` turn is one that somebody only wants to notice: it keeps neither the process alive nor a test waiting.
   */
  nextTurn(callback: () => void, options?: TimerOptions): void;
}

export interface TimerOptions {
  readonly background?: boolean;
}

export interface Timer {
  /** Idempotent; after it the callback is never called. */
  cancel(): void;
}

/** `setTimeout` fires at once for anything longer than this (measured: 10 ms), so longer waits are chained. */
const LONGEST_NODE_TIMER_MS = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;

  constructor(
    delayMs: number,
    private readonly callback: () => void,
    private readonly background: boolean,
  ) {
    this.arm(Math.max(0, delayMs));
  }

  private arm(remainingMs: number): void {
    if (remainingMs === Infinity) return;
    const stepMs = Math.min(remainingMs, LONGEST_NODE_TIMER_MS);
    this.#handle = setTimeout(() => {
      if (stepMs < remainingMs) this.arm(remainingMs - stepMs);
      else this.callback();
    }, stepMs);
    if (this.background) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (delayMs, callback, options) => new SystemTimer(delayMs, callback, options?.background === true),
  nextTurn: (callback, options) => {
    const handle = setImmediate(callback);
    if (options?.background === true) handle.unref();
  },
};

/** Both clocks at one instant; how their difference changes tells a suspend or a step. */
export interface ClockReading {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export function readClocks(clock: Clock): ClockReading {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}

/**
 * How much earlier than the store we stop believing in a lease: 1 % for clocks that run at different speeds, and 2 ms for
 * the store's millisecond expiry. Redlock's figures (redis.io/docs/latest/develop/use/patterns/distributed-locks).
 */
const DRIFT = 0.01;
const EXPIRY_PRECISION_MS = 2;

/**
 * The monotonic instant up to which a lease may be believed. `sentAtMs` is read *before* the request is sent: the store
 * starts counting after that, so our deadline always comes first, however late the reply is (RELIABILITY finding 10).
 */
export function leaseDeadline(sentAtMs: number, leaseMs: number): number {
  return sentAtMs + leaseMs - leaseMs * DRIFT - EXPIRY_PRECISION_MS;
}

/** Node's timers come up to so late on their own; a timer that is later tells that the event loop was blocked, or the process stopped. */
export const LATE_MS = 10;

/**
 * Calls `callback` when what lies in the sockets has been read. After a block the event loop serves its timers first: whoever gives up
 * in one would give up an answer that is there already. Twice, because the first turn may be the rest of the present one.
 */
export function whenSocketsAreRead(clock: Clock, callback: () => void): void {
  clock.nextTurn(() => clock.nextTurn(callback));
}

/** Resolves after `delayMs`, or as soon as `signal` aborts; never rejects. For background retries. */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = () => {
      timer.cancel();
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish, { background: true });
    signal?.addEventListener('abort', finish, { once: true });
  });
}
