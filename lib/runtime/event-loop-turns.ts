import type { Clock } from './clock.js';

/** How long locks may pass from hand to hand before sockets and timers have their turn. */
const LONGEST_CHAIN_MS = 1;

/**
 * Keeps chains of hand-offs from starving the event loop: work that only awaits promises never leaves the microtask queue, so that a
 * million hand-offs would be one turn of the loop. One for all names of a manager, because it is one loop. A turn that the loop makes by
 * itself counts: work that waits for a timer or a socket is no chain, and is never held up here.
 */
export class EventLoopTurns {
  /** When the first hand-off of this turn was; undefined: there was none since the loop turned. */
  #beganAtMs: number | undefined;
  #postponed: (() => void)[] = [];

  constructor(private readonly clock: Clock) {}

  /** May a chain go on in this turn of the loop? */
  mayGoOn(nowMs: number): boolean {
    if (this.#beganAtMs !== undefined) return nowMs - this.#beganAtMs < LONGEST_CHAIN_MS;
    this.#beganAtMs = nowMs;
    this.clock.nextTurn(this.#turned, { background: true });
    return true;
  }

  /** Goes on when the loop has turned. The callback must not throw. */
  goOnLater(work: () => void): void {
    this.#postponed.push(work);
    if (this.#postponed.length === 1) this.clock.nextTurn(this.#goOn);
  }

  readonly #turned = (): void => {
    this.#beganAtMs = undefined;
  };

  readonly #goOn = (): void => {
    const postponed = this.#postponed;
    this.#postponed = [];
    for (const work of postponed) work();
  };
}
