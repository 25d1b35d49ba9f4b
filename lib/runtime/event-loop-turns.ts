import type { Clock } from './clock.js';

/** How long locks may pass from hand to hand before sockets and timers have their turn. */
const LONGEST_CHAIN_MS = 1;

/**
 * Keeps chains of hand-offs from starving the event loop: work that only awaits promises never leaves the microtask queue, so that a
 * million hand-offs would be one turn of the loop. One for all names of a manager, because it is one loop.
 */
export class EventLoopTurns {
  #beganAtMs = -Infinity;
  #postponed: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  /** May a chain go on in this turn of the loop? */
  mayGoOn(nowMs: number): boolean {
    return nowMs - this.#beganAtMs < LONGEST_CHAIN_MS;
  }

  /** Goes on when the loop has turned. The callback must not throw. */
  goOnLater(work: () => void): void {
    this.#postponed.push(work);
    if (this.#postponed.length === 1) this.clock.nextTurn(() => this.#goOn());
  }

  #goOn(): void {
    const postponed = this.#postponed;
    this.#postponed = [];
    this.#beganAtMs = this.clock.monotonicMs();
    for (const work of postponed) work();
  }
}
