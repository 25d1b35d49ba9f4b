import { leaseDeadline, pause } from '../../../runtime/clock.js';
import type { Busy, Grant, StopSignal, UpgradeRequest } from '../../lock-store.js';
import { type PollGrid, pollDelayMs } from '../../mechanics/poll-grid.js';
import { ServerClock } from '../../mechanics/server-clock.js';
import type { PushedGrant } from '../grant-channel.js';
import { isPassing } from '../redis-errors.js';
import type { RedisHold } from '../redis-hold.js';
import type { StoreContext } from '../../lock-store.js';
import { aboutHold, callGate, type GateAnswer, type GateCaller, grantOf } from './gate-calls.js';

const GRANTED = 1;
const QUEUED = 2;
const TROUBLE_POLL_MS = 500;

/** What an upgrade needs of its store. */
export interface UpgradeHome extends GateCaller {
  readonly context: StoreContext;
  readonly polls: PollGrid;
  /** It is in the queue: from now on pushes must arrive. */
  queued(): void;
  /** It is over; was it queued? */
  ended(wasQueued: boolean): void;
  readonly isClosed: boolean;
}

/**
 * One upgrade, from the first request to grant, «busy», loss or abort. While it is queued it is served by whichever comes first: the
 * push of another's release, or its own poll, which is the same request. The abort is a request too: it takes the place back, or tells
 * that the upgrade was granted just before.
 */
export class GateUpgrade {
  readonly outcome: Promise<Grant | Busy>;
  #resolve!: (outcome: Grant | Busy) => void;
  #reject!: (reason: unknown) => void;
  #isOver = false;
  #asking = false;
  /** The request that was sent last. */
  #underWay: Promise<void> = Promise.resolve();
  #isQueued = false;
  #timer: { cancel(): void } | undefined;
  readonly #serverClock: ServerClock;
  readonly #onAbort = (): void => void this.#abort();

  constructor(
    private readonly home: UpgradeHome,
    readonly hold: RedisHold,
    private readonly told: { readonly request: UpgradeRequest; readonly signal: StopSignal },
  ) {
    this.#serverClock = new ServerClock(home.context.clock.monotonicMs());
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = told;
    if (signal.aborted) this.#fail(signal.reason);
    else {
      signal.addEventListener('abort', this.#onAbort);
      this.#poll();
    }
  }

  /** Asked now instead of at the next poll: pushes may have been lost. */
  pollNow(): void {
    this.#poll();
  }

  onPush({ fence, lineage, grantedUs, leaseMs }: PushedGrant): void {
    if (this.#serverClock.isBeforeReply(grantedUs)) return; // it was told before that it waits
    this.hold.learn(fence, lineage);
    if (this.#isOver) return;
    const grantedAtMs = this.#serverClock.earliestMs(grantedUs, this.home.context.clock.monotonicMs());
    this.#grant({
      outcome: 'granted',
      hold: this.hold,
      deadlineMs: leaseDeadline(grantedAtMs, leaseMs),
      leaseMs,
    });
  }

  /** The store closes: the hold is given back anyway. */
  leave(reason: unknown): void {
    this.#fail(reason);
  }

  #poll(): void {
    if (this.#isOver || this.#asking) return;
    this.#timer?.cancel();
    this.#asking = true;
    this.#underWay = this.#ask();
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    try {
      const { wait } = this.told.request;
      const given = await this.#send(wait ? 'w' : '-');
      this.#asking = false;
      if (!this.#isOver) this.#answered(given);
    } catch (error) {
      this.#asking = false;
      if (this.#isOver) return;
      // A place in the queue stands, and a state of the server that refuses us passes.
      if (!this.#isQueued && !(this.told.request.wait && isPassing(error))) {
        this.#fail(error);
        void this.#takeBack(() => undefined); // it may have been executed all the same
        return;
      }
      this.told.request.onWaiting?.({ error: error as never });
      this.#pollAfter(TROUBLE_POLL_MS);
    }
  }

  #answered(given: GateAnswer): void {
    const [code, retryAfterMs, , serverUs, listeners] = given.answer;
    try {
      aboutHold(this.hold, given.answer);
    } catch (error) {
      return this.#fail(error);
    }
    if (code === GRANTED) return this.#grant(grantOf(this.hold, given));
    if (code !== QUEUED) {
      this.#end();
      return this.#resolve({ outcome: 'busy', retryAfterMs: Number(retryAfterMs) });
    }
    if (!this.#isQueued) this.home.queued();
    this.#isQueued = true;
    this.#serverClock.told(given.sentAtMs, Number(serverUs));
    this.told.request.onWaiting?.({ retryAfterMs: Number(retryAfterMs) });
    const spread = this.home.context.randomness.fraction();
    this.#pollAfter(
      pollDelayMs({ retryAfterMs: Number(retryAfterMs), isPushed: Number(listeners) > 0, spread }),
    );
  }

  #pollAfter(delayMs: number): void {
    this.#timer = this.home.polls.after(delayMs, () => this.#poll());
  }

  /** `w` waits, `-` does not, `c` leaves the queue. */
  #send(how: 'w' | '-' | 'c'): Promise<GateAnswer> {
    const { name, keys, ownerToken } = this.hold;
    const about = { script: 'gate-upgrade', name, stateKey: keys.state } as const;
    return callGate(this.home, about, [String(this.home.keepMs), ownerToken, how]);
  }

  async #abort(): Promise<void> {
    this.#end();
    await this.#underWay; // a copy of it that is sent again after us would queue us for nobody
    const given = await this.#takeBack(() => this.#reject(this.told.signal.reason));
    if (given?.answer[0] === GRANTED) return this.#grant(grantOf(this.hold, given));
    this.#reject(this.told.signal.reason);
  }

  /**
   * Leaves the queue, trying until the store has answered: what stayed there would keep new readers out for nobody.
   *
   * @param onSilence nobody answered yet: a caller waits for no server that cannot be reached
   */
  async #takeBack(onSilence: () => void): Promise<GateAnswer | undefined> {
    const { clock } = this.home.context;
    const endsAtMs = clock.monotonicMs() + this.hold.leaseMs;
    for (;;) {
      const given = await this.#send('c').catch(() => undefined);
      if (given !== undefined || this.home.isClosed || clock.monotonicMs() > endsAtMs) return given;
      onSilence();
      await pause(clock, TROUBLE_POLL_MS);
    }
  }

  #grant(grant: Grant): void {
    this.#end();
    this.#resolve(grant);
  }

  #fail(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.home.ended(this.#isQueued);
    this.#timer?.cancel();
    this.told.signal.removeEventListener('abort', this.#onAbort);
  }
}
