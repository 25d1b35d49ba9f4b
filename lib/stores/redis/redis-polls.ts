import type { Clock, Timer } from '../../clock.js';

/** Polls come at multiples of so many ms, so that they meet; nobody notices that one is so much later. */
const GRID_MS = 16;

/**
 * When waiting acquisitions ask again. One process may wait for thousands of names: those whose time comes together ask in one turn of
 * the event loop, and so travel together (redis-batcher.ts) instead of one by one.
 */
export class RedisPolls {
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
