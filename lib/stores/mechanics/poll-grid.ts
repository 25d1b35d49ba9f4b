import type { Clock, Timer } from '../../runtime/clock.js';

/** Polls come at multiples of so many ms, so that they meet; nobody notices that one is so much later. */
const GRID_MS = 16;

/**
 * Ask at least this often, however long the holder's lease. Whoever is granted by push may be frozen: its short first lease (5 s) then
 * runs out with nobody told, and the one behind it must not sleep until the end of a lease long gone.
 */
const LONGEST_POLL_MS = 5_000;
/** To whom nothing is pushed its polls are all it has. */
const UNPUSHED_POLL_MS = 250;
const SHORTEST_POLL_MS = 25;
const POLL_SPREAD_MS = 20;

/** After which time to ask again whom the store has queued: when the holder's lease should have ended, or sooner. */
export function pollDelayMs(told: {
  readonly retryAfterMs: number;
  /** Will a grant be pushed to us, as far as the store can tell? */
  readonly isPushed: boolean;
  /** 0 to 1, by chance: those who wait for one name should not all ask at once. */
  readonly spread: number;
}): number {
  const longestMs = told.isPushed ? LONGEST_POLL_MS : UNPUSHED_POLL_MS;
  return Math.min(longestMs, Math.max(SHORTEST_POLL_MS, told.retryAfterMs + told.spread * POLL_SPREAD_MS));
}

/**
 * When waiting acquisitions ask again. One process may wait for thousands of names: those whose time comes together ask in one turn of
 * the event loop, and so travel together (turn-batcher.ts) instead of one by one.
 */
export class PollGrid {
  readonly #due: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  /** Calls `ask` after `delayMs` or a little later, once; after a cancel it may still be called if its time has come. */
  after(delayMs: number, ask: () => void): Timer {
    const nowMs = this.clock.monotonicMs();
    const atMs = Math.ceil((nowMs + delayMs) / GRID_MS) * GRID_MS;
    return this.clock.setTimer(atMs - nowMs, () => this.#add(ask), { background: true });
  }

  /** Timers that are due together ring one by one, with promises and ticks between them: asked when all have rung. */
  #add(ask: () => void): void {
    this.#due.push(ask);
    if (this.#due.length > 1) return;
    this.clock.nextTurn(() => {
      for (const each of this.#due.splice(0)) each();
    });
  }
}
