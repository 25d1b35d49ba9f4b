import { Bound } from '../mechanics/bounds.js';
import type { ScriptReply } from './redis-link.js';

/** What came of a command that was sent once: its reply; or an error, when none came. */
export type OnScriptReply = (error: unknown, reply: ScriptReply) => void;

/** A command that waits for its reply. */
export class ScriptExchange extends Bound {
  #isOver = false;

  constructor(
    /** What its reply begins with. */
    readonly head: string,
    private readonly boundMs: number,
    private readonly onReply: OnScriptReply,
  ) {
    super();
  }

  over(): void {
    this.settle(new Error(`no reply within ${Math.round(this.boundMs)} ms`), []);
  }

  /** The first outcome counts. */
  settle(error: unknown, reply: ScriptReply): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onReply(error, reply);
  }
}
