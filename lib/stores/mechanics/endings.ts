import { setMaxListeners } from 'node:events';
import { type Clock, pause } from '../../runtime/clock.js';
import type { OnSent, ReleaseOutcome } from '../lock-store.js';
import type { Bounds } from './bounds.js';

const RETRY_MS = 500;
/** After an undo was answered it is done once more: the request it undoes may still have been on its way. */
const SECOND_UNDO_MS = 1_000;

/** What endings know of a store's hold. */
export interface EndingHold {
  /** The longest lease that was ever asked for, in ms: after so long without a renewal the store has forgotten it. */
  readonly leaseMs: number;
  /** A request for it got no reply before another copy was answered: it may be executed after the release, and for nobody. */
  readonly mayComeBack: boolean;
}

/** What is told of an end on its way, beside its outcome. */
export interface EndingTold {
  readonly onSent?: OnSent | undefined;
  readonly onFailed: () => void;
}

/** How a store ends a hold, and what of it is still on its way. */
export interface EndingHome<Hold> {
  readonly clock: Clock;
  readonly commandMs: number;
  /** Ends the hold, or the place in the queue, that has this owner token. @throws LockStoreError, and calls `onFailed` before */
  end(hold: Hold, told?: EndingTold): Promise<ReleaseOutcome>;
  readonly traffic: {
    readonly bounds: Bounds;
    readonly isBusy: boolean;
    /** Resolves when nothing is on its way. */
    idle(): Promise<void>;
  };
}

/**
 * How holds and places in the queue end: on request, with an answer; or in the background, where nobody waits but nothing may be
 * left behind. What nobody knows the outcome of is undone with the same owner token.
 */
export class Endings<Hold extends EndingHold> {
  /** What goes on in the background: closing waits for it. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(private readonly home: EndingHome<Hold>) {
    setMaxListeners(0, this.#closing.signal); // one for each undo under way, and they all leave
  }

  /** @throws LockStoreError when no answer came in time; the release then goes on in the background */
  release(hold: Hold, onSent?: OnSent): Promise<ReleaseOutcome> {
    this.ended(hold);
    return this.home.end(hold, { onSent, onFailed: () => this.undo(hold, false) });
  }

  /**
   * Ends whatever the token may have, trying until the server has answered or the lease has run out. `requestLost`: the request to
   * be undone got no reply and may be executed late, so undo it once more later.
   */
  undo(hold: Hold, requestLost: boolean): void {
    this.#track(this.#undo(hold, requestLost));
  }

  /** The hold is ours no more: what may still be executed for it, late and for nobody, is undone later. */
  ended(hold: Hold): void {
    if (hold.mayComeBack) this.#track(this.#onceMore(hold));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** What is under way has one more command's time; what it cannot reach runs out by itself. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    const { traffic, commandMs } = this.home;
    await traffic.bounds.within(commandMs, () => this.#allEnded()).catch(() => undefined);
  }

  /** One end may begin another: an acquisition that is given back when its answer comes. */
  async #allEnded(): Promise<void> {
    const { traffic, clock } = this.home;
    do {
      await traffic.idle();
      await Promise.all(this.#underWay);
      await new Promise<void>((resolve) => clock.nextTurn(resolve)); // those who were answered have acted on it
    } while (this.#underWay.size > 0 || traffic.isBusy);
  }

  async #undo(hold: Hold, requestLost: boolean): Promise<void> {
    const { clock, commandMs } = this.home;
    const { signal } = this.#closing;
    const endsAtMs = clock.monotonicMs() + Math.max(hold.leaseMs, commandMs);
    while (!(await this.#answered(hold)) && !signal.aborted && clock.monotonicMs() < endsAtMs) {
      await pause(clock, RETRY_MS, signal);
    }
    if (requestLost) await this.#onceMore(hold);
  }

  /** For a request that is still on its way, on a connection that we have given up. */
  async #onceMore(hold: Hold): Promise<void> {
    await pause(this.home.clock, SECOND_UNDO_MS, this.#closing.signal);
    await this.#answered(hold);
  }

  #answered(hold: Hold): Promise<boolean> {
    return this.home.end(hold).then(
      () => true,
      () => false,
    );
  }
}
