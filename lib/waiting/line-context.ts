import type { HeldLeases } from '../holding/held-leases.js';
import type { AcquireSettings } from '../acquire-options.js';
import type { Line } from './line.js';
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
  /** Does anybody of this process wait to have the name for itself? */
  writerWaits(name: string): boolean;
  /** A caller must wait. */
  waiting(name: string, settings: AcquireSettings): void;
  /** Nobody uses this line any more. */
  idle(line: Line): void;
}
