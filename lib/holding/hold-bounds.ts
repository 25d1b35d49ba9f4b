import { AlarmClock, type Sleeper } from '../runtime/alarm-clock.js';
import type { Clock } from '../runtime/clock.js';
import type { KeptHold } from './kept-hold.js';
import type { SingleLease } from './single-lease.js';

/** Until when one call chain may hold a name (`maxHoldMs`): shared by the lease that came first and those that entered it again. */
export class HoldBound implements Sleeper {
  alarmAtMs = Infinity;
  alarmIndex = 0;

  constructor(
    readonly kept: KeptHold,
    /** Monotonic. */
    readonly untilMs: number,
    private readonly alarms: AlarmClock<HoldBound>,
  ) {
    alarms.set(this, untilMs);
  }

  /** One of those that it bounds has ended: without any it needs no alarm. */
  left(): void {
    if (!this.kept.leases.some(({ bound }) => bound === this)) this.alarms.clear(this);
  }
}

/** Sees to it that nobody holds for longer than `maxHoldMs`: one timer for all who have such a bound. */
export class HoldBounds {
  readonly #alarms: AlarmClock<HoldBound>;

  constructor(clock: Clock) {
    this.#alarms = new AlarmClock(clock, endOverdue, { background: true });
  }

  /** @param maxHoldMs from now on; Infinity: none */
  bind(lease: SingleLease, maxHoldMs: number, nowMs: number): void {
    if (maxHoldMs === Infinity || lease.isOver) return;
    lease.bound = new HoldBound(lease.kept, nowMs + maxHoldMs, this.#alarms);
  }
}

/** A lease that is asked for its state finds out by itself. */
function endOverdue(due: readonly HoldBound[]): void {
  for (const { kept } of due) for (const lease of kept.leases) void lease.state;
}
