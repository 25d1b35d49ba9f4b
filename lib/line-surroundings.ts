import type { AcquireLine } from './acquire-line.js';
import type { AlarmClock } from './alarm-clock.js';
import type { Clock, ClockReading } from './clock.js';
import type { EventLoopTurns } from './event-loop-turns.js';
import type { KeptHold } from './kept-hold.js';
import type { Lease } from './lease.js';
import type { Waiter } from './local-queue.js';
import type { AcquireSettings } from './lock-options.js';
import type { Randomness } from './owner-token.js';
import type { Grant, LockStore } from './stores/lock-store.js';

/** What the line of a name needs of its manager. */
export interface LineSurroundings {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly store: LockStore;
  readonly leases: LeaseMaker;
  /** Ends the waits that took too long, of all lines. */
  readonly waits: AlarmClock<Waiter>;
  readonly turns: EventLoopTurns;
  /** A caller must wait. */
  waiting(name: string, label: string): void;
  /** Nobody uses this line any more. */
  idle(line: AcquireLine): void;
}

/** For whom a lease is. */
export interface LeaseTaker {
  readonly line: AcquireLine;
  readonly settings: AcquireSettings;
  /** Monotonic. */
  readonly calledAtMs: number;
}

/** Makes leases of grants, and keeps the holds behind them. */
export interface LeaseMaker {
  /** A request with this owner token is on its way. */
  asking(ownerToken: string): void;
  /** The request with this owner token ended without a hold. */
  unused(ownerToken: string): void;
  /** The first lease on a hold, asked for at `asOf`; it may have been lost on its way. */
  begin(grant: Grant, asOf: ClockReading, taker: LeaseTaker): Lease;
  /** The next lease on a hold that stays in this process. */
  handOn(kept: KeptHold, taker: LeaseTaker, given: { fencingToken: number; now: ClockReading }): Lease;
  /** The store has kept the hold for us, between two leases; asked at `asOf`. */
  confirmed(kept: KeptHold, deadlineMs: number, asOf: ClockReading): void;
  /** This hold is ours no more. */
  forget(kept: KeptHold): void;
}
