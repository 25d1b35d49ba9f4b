import { setMaxListeners } from 'node:events';
import { pause } from '../../clock.js';
import type { ReleaseOutcome, StoreContext } from '../lock-store.js';
import type { RedisHold } from './redis-hold.js';
import type { CallFailure, RedisLink, ScriptAnswer } from './redis-link.js';

const RETRY_MS = 500;
/** After an undo was answered it is done once more: the request it undoes may still have been on its way. */
const SECOND_UNDO_MS = 1_000;

/**
 * How holds and places in the queue end: on request, with an answer; or in the background, where nobody waits but nothing may be
 * left behind. An end is never cancelled by the caller whose acquisition it ends.
 */
export class RedisEndings {
  /** Everything that has not got its answer yet: closing waits for it. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(
    private readonly link: RedisLink,
    private readonly context: StoreContext,
    private readonly commandMs: number,
  ) {
    setMaxListeners(0, this.#closing.signal); // one for each undo under way, and they all leave
  }

  /** @throws LockStoreError when no answer came in time; the release then goes on in the background */
  release(hold: RedisHold): Promise<ReleaseOutcome> {
    const answer = this.#end(hold);
    this.#track(
      answer.then(
        () => undefined,
        () => this.#undo(hold, false),
      ),
    );
    return answer.then(
      ({ reply, repeated }) =>
        reply[0] === -1 ? { outcome: 'refused', ambiguous: repeated } : { outcome: 'released' },
      (failure: CallFailure) => {
        throw failure.error;
      },
    );
  }

  /**
   * Ends whatever the token may have, trying until the server has answered or the lease has run out. `requestLost`: the request to
   * be undone got no reply and may be executed late, so undo it once more later.
   */
  undo(hold: RedisHold, requestLost = false): void {
    this.#track(this.#undo(hold, requestLost));
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work);
    void work.finally(() => this.#underWay.delete(work));
  }

  /** Closing waits for this acquisition too: it may take the lock at this very moment, and must be able to give it back. */
  outlast(acquisition: Promise<unknown>): void {
    this.#track(
      acquisition.then(
        () => undefined,
        () => undefined,
      ),
    );
  }

  /** What is under way has one more command's time; what it cannot reach runs out by itself. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    const enough = new AbortController();
    void this.#allEnded().finally(() => enough.abort());
    await pause(this.context.clock, this.commandMs, enough.signal);
  }

  /** One end may begin another: an acquisition that is given back. */
  async #allEnded(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  async #undo(hold: RedisHold, requestLost: boolean): Promise<void> {
    const { clock } = this.context;
    const { signal } = this.#closing;
    const endsAtMs = clock.monotonicMs() + Math.max(hold.leaseMs, this.commandMs);
    while (!(await this.#answered(hold)) && !signal.aborted && clock.monotonicMs() < endsAtMs) {
      await pause(clock, RETRY_MS, signal);
    }
    if (!requestLost) return;
    await pause(clock, SECOND_UNDO_MS, signal);
    await this.#answered(hold);
  }

  #answered(hold: RedisHold): Promise<boolean> {
    return this.#end(hold).then(
      () => true,
      () => false,
    );
  }

  /** @throws CallFailure */
  #end(hold: RedisHold): Promise<ScriptAnswer> {
    const { name, keys, ownerToken, grant, member } = hold;
    return this.link.call({
      script: 'release',
      keys: [keys.state, keys.queue],
      args: [ownerToken, String(this.context.keepMs), grant, member],
      lockName: name,
      boundMs: this.commandMs,
    });
  }
}
