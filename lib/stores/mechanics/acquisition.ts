import type { LockError } from '../../lock-errors.js';
import type { Busy, Full, Grant, Hold, StopSignal, StoreContext, YieldRequest } from '../lock-store.js';
import { type PollGrid, pollDelayMs } from './poll-grid.js';
import { ServerClock } from './server-clock.js';
import { type CallFailure, paceMs } from './tries.js';

const TROUBLE_POLL_MS = 500;

/** What an acquisition knows of its store's record. */
export interface AcquisitionHold extends Hold {
  /** A request for it got no reply before another copy was answered: it may be executed after the release, and for nobody. */
  mayComeBack: boolean;
}

/** What every acquisition needs of its store. */
export interface AcquisitionHomeOf<H extends AcquisitionHold> {
  readonly context: StoreContext;
  readonly polls: PollGrid;
  /** It is in the queue: from now on pushes must arrive. Called once. */
  queued(): void;
  /** It is over, with a grant or without. */
  ended(acquisition: Acquisition<H>, granted: boolean): void;
  /**
   * Unless it was granted, it may have taken the lock or a place in the queue for nobody: it ended while it was queued or a request was
   * on its way, or a request was answered after its end. `requestLost`: one got no reply and may be executed late.
   */
  undo(hold: H, requestLost: boolean): void;
}

/** The store says that we are queued. */
export interface QueuedAnswer {
  /** How long the holder's lease still runs, in ms. */
  readonly retryAfterMs: number;
  /** The server's time, in microseconds. */
  readonly serverUs: number;
  /** Will a grant be pushed to us, as far as the store can tell? */
  readonly isPushed: boolean;
}

/**
 * One acquisition in a store that queues and pushes, from the first request to grant, «busy», failure or abort. While it is queued it is
 * served by whichever comes first: the push of a release, or its own poll, which is the same request with the ticket it was given, so that
 * it keeps its place over reconnects and restarts. How it is asked for, and what the answers look like, each store knows.
 */
export abstract class Acquisition<H extends AcquisitionHold> {
  abstract readonly hold: H;
  /** What the caller waits for. */
  readonly outcome: Promise<Grant | Busy | Full>;
  /** Was it ever in the queue, as far as we were told? */
  isQueued = false;
  /** The limit in force, as we were last told; 0: none. */
  protected limit = 0;
  readonly #serverClock: ServerClock;
  #isOver = false;
  #asking = false;
  #pollSoon = false;
  /** How often the server refused us since it last answered. */
  #refusals = 0;
  #timer: { cancel(): void } | undefined;
  #resolve!: (answer: Grant | Busy | Full) => void;
  #reject!: (reason: unknown) => void;
  readonly #onAbort = (): void => this.leave(this.signal.reason);

  constructor(
    protected readonly home: AcquisitionHomeOf<H>,
    readonly request: YieldRequest,
    private readonly signal: StopSignal,
  ) {
    this.#serverClock = new ServerClock(home.context.clock.monotonicMs());
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (!signal.aborted) signal.addEventListener('abort', this.#onAbort);
  }

  /** Sends the request as {@link asked} left it. */
  protected abstract send(): void;
  /** Is this failure a refusal for a state of the server that passes? */
  protected abstract isPassing(error: LockError): boolean;

  get isPatient(): boolean {
    return this.request.wait;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Once it is over, a repetition could take the lock for nobody. */
  wanted(): boolean {
    return !this.#isOver;
  }

  /** Sends the request: for the first time, or as a poll. */
  ask(): void {
    this.asked();
    this.send();
  }

  /**
   * The request is made: somebody sends it, and tells what was answered. From here on it may be in the queue, even if no reply ever says so.
   */
  asked(): void {
    this.#pollSoon = false;
    this.#asking = true;
  }

  /** An answer came. true: too late, and what it gave must be undone. */
  protected isLate(repeated: boolean): boolean {
    this.#asking = false;
    if (repeated) this.hold.mayComeBack = true;
    return this.#isOver;
  }

  /** Not granted, and not queued. */
  protected refused(why: Busy | Full | LockError, repeated: boolean): void {
    this.#end(false);
    if (repeated) this.home.undo(this.hold, true); // an earlier copy may be executed when the lock is free
    if ('outcome' in why) this.#resolve(why);
    else this.#reject(why);
  }

  /** The store says that we are queued. false: it was over before, and leaves the queue. */
  protected placed(sentAtMs: number, { retryAfterMs, serverUs, isPushed }: QueuedAnswer): boolean {
    this.#asking = false;
    this.#refusals = 0;
    this.#markQueued();
    if (this.#isOver) {
      this.home.undo(this.hold, false);
      return false;
    }
    this.#serverClock.told(sentAtMs, serverUs);
    this.request.onWaiting?.({ retryAfterMs });
    const spread = this.home.context.randomness.fraction();
    this.#pollAfter(pollDelayMs({ retryAfterMs, isPushed, spread }));
    return true;
  }

  failed({ error, mayHaveRun }: CallFailure): void {
    this.#asking = false;
    if (mayHaveRun) this.hold.mayComeBack = true;
    if (this.#isOver) {
      if (mayHaveRun) this.home.undo(this.hold, true);
      return;
    }
    // Neither ends the wait, and the engine knows how long the caller will: a place in the queue stands, and a state that refuses us
    // passes.
    const isRefused = this.isPassing(error);
    if (this.isQueued || (this.isPatient && isRefused)) {
      this.request.onWaiting?.({ error });
      this.#pollAfter(isRefused ? paceMs(this.#refusals++) : TROUBLE_POLL_MS);
      return;
    }
    this.giveUp(error, mayHaveRun);
  }

  /** Ends without a grant. `mayHaveRun`: a request got no reply and may be executed late. */
  giveUp(reason: unknown, mayHaveRun: boolean): void {
    if (this.#isOver) return;
    this.#end(false);
    this.#reject(reason);
    if (mayHaveRun) this.home.undo(this.hold, true);
  }

  /** Ends although it may be queued, or be granted at this moment; a request on its way is undone once more when it is answered. */
  leave(reason: unknown): void {
    if (this.#isOver) return;
    const mayBeThere = this.isQueued || this.#asking || this.hold.mayComeBack; // not when it was only refused
    this.#end(false);
    this.#reject(reason);
    if (mayBeThere) this.home.undo(this.hold, this.hold.mayComeBack);
  }

  /** Was never in the queue, and nobody waits for its outcome. */
  withdraw(): void {
    if (!this.#isOver) this.#end(false);
  }

  /** Whoever sent the request was told that it had been executed before: ask how it stands. */
  queuedBefore(): void {
    this.#asking = false;
    this.#markQueued();
    if (this.#isOver) this.home.undo(this.hold, false);
    else this.#poll();
  }

  /** A push tells of a grant. false: it is older than our last reply, which said «queued»: that grant ran out, and we wait again. */
  protected isNews(grantedUs: number): boolean {
    return !this.#serverClock.isBeforeReply(grantedUs);
  }

  /** When the server's clock said so, by ours at the earliest (monotonic ms). */
  protected earliestMs(serverUs: number): number {
    return this.#serverClock.earliestMs(serverUs, this.home.context.clock.monotonicMs());
  }

  /** Pushes may have been lost: ask now instead of at the next poll. */
  pollNow(): void {
    if (this.#isOver) return;
    this.#pollSoon = true;
    if (!this.#asking) this.#poll();
  }

  protected granted(deadlineMs: number, leaseMs: number): void {
    this.#end(true);
    const { hold } = this;
    const isOther = this.limit > 0 && this.limit !== this.request.limit;
    this.#resolve({ outcome: 'granted', hold, deadlineMs, leaseMs, ...(isOther && { limit: this.limit }) });
  }

  #pollAfter(delayMs: number): void {
    if (this.#isOver) return;
    this.#timer?.cancel();
    if (this.#pollSoon) this.#poll();
    else this.#timer = this.home.polls.after(delayMs, () => this.#poll());
  }

  #poll(): void {
    this.#timer?.cancel();
    if (!this.#isOver && !this.#asking) this.ask();
  }

  #markQueued(): void {
    if (this.isQueued || this.#isOver) return;
    this.isQueued = true;
    this.home.queued();
  }

  #end(granted: boolean): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.signal.removeEventListener('abort', this.#onAbort);
    this.home.ended(this, granted);
  }
}
