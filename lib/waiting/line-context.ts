import type { HeldLeases } from '../holding/held-leases.js';
import type { AcquireLine } from './acquire-line.js';
import type { AlarmClock } from '../runtime/alarm-clock.js';
import type { Clock } from '../runtime/clock.js';
import type { EventLoopTurns } from '../runtime/event-loop-turns.js';
import type { Waiter } from './local-queue.js';
import type { Randomness } from '../runtime/owner-token.js';
import type { LockStore } from '../stores/lock-store.js';

/** What the line of a name needs of its manager. */
export interface LineContext {
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly store: LockStore;
  readonly leases: HeldLeases;
  /** Ends the waits that took too long, of all lines. */
  readonly waits: AlarmClock<Waiter>;
  readonly turns: EventLoopTurns;
  /** A caller must wait. */
  waiting(name: string, label: string): void;
  /** Nobody uses this line any more. */
  idle(line: AcquireLine): void;
}
