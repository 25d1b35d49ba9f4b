import { setMaxListeners } from 'node:events';
import { pause } from '../../runtime/clock.js';
import type { ReleaseOutcome, StoreContext } from '../lock-store.js';
import type { BatchRequest, RedisBatcher } from './redis-batcher.js';
import type { RedisHold } from './redis-hold.js';
import type { CallFailure, ScriptReply } from './redis-link.js';
import { milliseconds } from './redis-wire.js';

const RETRY_MS = 500;
/** After an undo was answered it is done once more: the request it undoes may still have been on its way. */
const SECOND_UNDO_MS = 1_000;
/** The answer of release.lua to who was not the owner. */
const REFUSED = -1;

/** One release on its way. */
class Release implements BatchRequest {
  readonly script = 'release';
  readonly terms: string;
  readonly own: readonly string[];
  readonly outcome: Promise<ReleaseOutcome>;
  #resolve!: (outcome: ReleaseOutcome) => void;
  #reject!: (failure: CallFailure) => void;

  /** @param keepMs how long the trace of a clean release stays, in ms */
  constructor(
    readonly hold: RedisHold,
    keepMs: number,
  ) {
    this.terms = `${milliseconds(keepMs)} ${milliseconds(hold.queuedMs)}`;
    this.own = hold.ending;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Is never cancelled by the caller whose acquisition it ends. */
  wanted(): boolean {
    return true;
  }

  answered([code]: ScriptReply, { repeated }: { repeated: boolean }): void {
    this.#resolve(code === REFUSED ? { outcome: 'refused', ambiguous: repeated } : { outcome: 'released' });
  }

  failed(failure: CallFailure): void {
    this.#reject(failure);
  }
}

/**
 * How holds and places in the queue end: on request, with an answer; or in the background, where nobody waits but nothing may be
 * left behind.
 */
export class RedisEndings {
  /** What goes on in the background: closing waits for it. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(
    private readonly batcher: RedisBatcher,
    private readonly context: StoreContext,
    private readonly commandMs: number,
  ) {
    setMaxListeners(0, this.#closing.signal); // one for each undo under way, and they all leave
  }

  /** @throws LockStoreError when no answer came in time; the release then goes on in the background */
  release(hold: RedisHold): Promise<ReleaseOutcome> {
    this.ended(hold);
    return this.#end(hold).catch((failure: CallFailure) => {
      this.undo(hold, false);
      throw failure.error;
    });
  }

  /**
   * Ends whatever the token may have, trying until the server has answered or the lease has run out. `requestLost`: the request to
   * be undone got no reply and may be executed late, so undo it once more later.
   */
  undo(hold: RedisHold, requestLost: boolean): void {
    this.#track(this.#undo(hold, requestLost));
  }

  /** The hold is ours no more: what may still be executed for it, late and for nobody, is undone later. */
  ended(hold: RedisHold): void {
    if (hold.mayComeBack) this.#track(this.#onceMore(hold));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** What is under way has one more command's time; what it cannot reach runs out by itself. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.batcher.bounds.within(this.commandMs, () => this.#allEnded()).catch(() => undefined);
  }

  /** One end may begin another: an acquisition that is given back when its answer comes. */
  async #allEnded(): Promise<void> {
    do {
      await this.batcher.idle();
      await Promise.all(this.#underWay);
      await new Promise<void>((resolve) => this.context.clock.nextTurn(resolve)); // those who were answered have acted on it
    } while (this.#underWay.size > 0 || this.batcher.isBusy);
  }

  async #undo(hold: RedisHold, requestLost: boolean): Promise<void> {
    const { clock } = this.context;
    const { signal } = this.#closing;
    const endsAtMs = clock.monotonicMs() + Math.max(hold.leaseMs, this.commandMs);
    while (!(await this.#answered(hold)) && !signal.aborted && clock.monotonicMs() < endsAtMs) {
      await pause(clock, RETRY_MS, signal);
    }
    if (requestLost) await this.#onceMore(hold);
  }

  /** For a request that is still on its way, on a connection that we have given up. */
  async #onceMore(hold: RedisHold): Promise<void> {
    await pause(this.context.clock, SECOND_UNDO_MS, this.#closing.signal);
    await this.#answered(hold);
  }

  #answered(hold: RedisHold): Promise<boolean> {
    return this.#end(hold).then(
      () => true,
      () => false,
    );
  }

  /** @throws CallFailure */
  #end(hold: RedisHold): Promise<ReleaseOutcome> {
    const release = new Release(hold, this.context.keepMs);
    this.batcher.send(release);
    return release.outcome;
  }
}
