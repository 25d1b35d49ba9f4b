import { type Clock, LATE_MS, type Timer, whenSocketsAreRead } from '../../runtime/clock.js';

/** While anybody waits we look at the clock this often. What passes between two looks beyond it, we slept, and it does not count. */
const LOOK_MS = 100;
const MOST_BETWEEN_LOOKS_MS = LOOK_MS + LATE_MS;

/** A limit to somebody's patience; what waits may itself be one, so that a command costs no object for it. */
export abstract class Bound {
  /** The fields are those of {@link Bounds}: when it is over, on its clock; which it is; and where it stands among the others. */
  endsAtMs = Infinity;
  serial = 0;
  place = -1;

  /** The time is over. Must not throw. */
  abstract over(): void;
}

class PlainBound extends Bound {
  constructor(readonly over: () => void) {
    super();
  }
}

/**
 * How long answers are waited for, on a clock that stands still while our event loop is blocked or our process is stopped: a bound says
 * how much time the *server* was given, with somebody there to listen. On a usual clock three seconds of somebody's JSON would end
 * every command under way, although all the replies lie in the socket; and what takes several round trips would have no time left.
 *
 * And whoever is told that a bound is over has read what lay in the sockets until then. One timer for all of them.
 *
 * Leases have nothing to do with it: they end by the monotonic clock, whether we slept or not.
 */
export class Bounds {
  /** In no order. An array, for one that ends leaves nothing behind: a Set would keep what it held until the next major collection. */
  readonly #pending: Bound[] = [];
  #begun = 0;
  #countedMs = 0;
  /** Monotonic. */
  #lookedAtMs: number;
  #timer: Timer | undefined;
  /** On our own clock. */
  #looksAtMs = Infinity;
  /** Those whose time is over are told in a moment. */
  #isRinging = false;
  #closed = false;

  constructor(private readonly clock: Clock) {
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** The time that counts; it has its own beginning, and goes on only while there is a bound. */
  nowMs(): number {
    return this.#countedMs + Math.min(this.clock.monotonicMs() - this.#lookedAtMs, MOST_BETWEEN_LOOKS_MS);
  }

  /** Calls `onOver` after `boundMs`, unless it is ended before. It must not throw. */
  start(boundMs: number, onOver: () => void): Bound {
    const bound = new PlainBound(onOver);
    this.begin(bound, boundMs);
    return bound;
  }

  /** As {@link start}, for one who is a bound itself. */
  begin(bound: Bound, boundMs: number): void {
    if (this.#timer === undefined) this.#count();
    bound.endsAtMs = this.nowMs() + boundMs;
    bound.serial = this.#begun++;
    bound.place = this.#pending.push(bound) - 1;
    if (bound.endsAtMs < this.#looksAtMs) this.#arm();
  }

  /** Idempotent. */
  end(bound: Bound): void {
    this.#remove(bound);
    if (this.#closed) this.#arm();
  }

  /** false: had ended before. */
  #remove(bound: Bound): boolean {
    if (bound.place === -1) return false;
    const last = this.#pending.pop()!;
    if (last !== bound) {
      this.#pending[bound.place] = last;
      last.place = bound.place;
    }
    bound.place = -1;
    return true;
  }

  /** Our own bound round every command: a client that never settles one must not take a caller with it. */
  within<T>(boundMs: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const tooLate = () => reject(new Error(`no reply within ${Math.round(boundMs)} ms`));
      const bound = this.start(boundMs, tooLate);
      work().then(
        (value) => {
          this.end(bound);
          resolve(value);
        },
        (error: unknown) => {
          this.end(bound);
          reject(error as Error);
        },
      );
    });
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.start(delayMs, resolve));
  }

  /** From now on no timer is left when nobody waits. Before, the last one rings for nobody: cheaper than a new one for each command. */
  close(): void {
    this.#closed = true;
    this.#arm();
  }

  #count(): void {
    this.#countedMs = this.nowMs();
    this.#lookedAtMs = this.clock.monotonicMs();
  }

  #look(): void {
    this.#count();
    if (!this.#isRinging && this.#overAt(this.#countedMs).length > 0) {
      this.#isRinging = true;
      whenSocketsAreRead(this.clock, () => this.#ring());
    }
    this.#arm();
  }

  #ring(): void {
    this.#isRinging = false;
    for (const bound of this.#overAt(this.nowMs())) if (this.#remove(bound)) bound.over();
    if (this.#closed) this.#arm();
  }

  /** In the order in which they began: what failed together is asked again in its order. */
  #overAt(nowMs: number): Bound[] {
    return this.#pending.filter(({ endsAtMs }) => endsAtMs <= nowMs).toSorted((a, b) => a.serial - b.serial);
  }

  /** For the first bound, but no later than the next look. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#looksAtMs = Infinity;
    if (this.#pending.length === 0) return;
    const nowMs = this.nowMs();
    let stepMs = LOOK_MS;
    for (const { endsAtMs } of this.#pending) {
      const leftMs = Math.max(0, endsAtMs - nowMs);
      if (leftMs < stepMs && !(this.#isRinging && leftMs === 0)) stepMs = leftMs;
    }
    this.#looksAtMs = nowMs + stepMs;
    // The connection keeps the process alive as long as an answer may come; after close() this timer must not.
    this.#timer = this.clock.setTimer(stepMs, () => this.#look(), { background: true });
  }
}
