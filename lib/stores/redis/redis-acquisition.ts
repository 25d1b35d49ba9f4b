import { leaseDeadline } from '../../clock.js';
import { LockStoreError } from '../../lock-errors.js';
import type { AcquireRequest, Busy, Grant, StoreContext } from '../lock-store.js';
import type { PushedGrant } from './grant-channel.js';
import { conflict } from './redis-errors.js';
import { RedisHold } from './redis-hold.js';
import type { LockKeys } from './redis-keys.js';
import { CallFailure, type RedisLink, type ScriptAnswer } from './redis-link.js';

/** What an acquisition needs of its store. */
export interface AcquisitionPlace {
  readonly context: StoreContext;
  readonly link: RedisLink;
  readonly keys: LockKeys;
  readonly channel: string;
  readonly commandMs: number;
  /** A request was answered, or failed, after its acquisition had ended: it may have taken the lock or a place for nobody. */
  readonly onLateAnswer: (hold: RedisHold) => void;
}

/** Reply codes of acquire.lua. */
const GRANTED = 1;
const BUSY = 0;
const QUEUED = 2;

/**
 * Ask at least this often, however long the holder's lease. Whoever is granted by push may be frozen: its short first lease (5 s,
 * promote.lua) then runs out with nobody told, and the one behind it must not sleep until the end of a lease long gone.
 */
const LONGEST_POLL_MS = 5_000;
const SHORTEST_POLL_MS = 25;
const POLL_SPREAD_MS = 20;
const TROUBLE_POLL_MS = 500;
/** Clocks run at the same speed within 1 % each; a server's clock that is ahead by more than this besides was set. */
const CLOCK_SPEED = 0.02;
const CLOCK_STEP_MS = 20;

/**
 * One acquisition, from the first request to grant, «busy», failure or abort. While it is queued it is served by whichever comes
 * first: the push of a release, or its own poll, which is the same request with the same bytes and the ticket it was given, so
 * that it keeps its place over reconnects and restarts.
 */
export class RedisAcquisition {
  readonly hold: RedisHold;
  readonly #tail: string;
  #ticket = '0';
  /** When the request was sent whose reply told us the server's time, and that time. */
  #clocks: { sentAtMs: number; serverUs: number } | undefined;
  #firstSentAtMs = 0;
  #settle: ((answer: Grant | Busy) => void) | undefined;
  #wake: (() => void) | undefined;
  #pollSoon = false;

  constructor(
    private readonly place: AcquisitionPlace,
    private readonly request: AcquireRequest,
  ) {
    const { name, ownerToken, leaseMs } = request;
    this.hold = new RedisHold({ name, ownerToken, leaseMs, keys: place.keys });
    this.#tail = `${place.channel}|${request.label}`;
  }

  /**
   * @throws CallFailure when the first request failed · `signal.reason`. Whoever calls undoes what may have been executed.
   */
  async run(signal: AbortSignal): Promise<Grant | Busy> {
    this.#firstSentAtMs = this.place.context.clock.monotonicMs();
    return new Promise<Grant | Busy>((resolve, reject) => {
      const end = (settle: () => void) => {
        signal.removeEventListener('abort', onAbort);
        this.#settle = undefined;
        this.pollNow(); // a sleeping poll loop sees that it is over
        settle();
      };
      const onAbort = () => end(() => reject(signal.reason));
      if (signal.aborted) {
        onAbort();
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      // Before the request: the push may come before its reply is read.
      this.#settle = (answer) => end(() => resolve(answer));
      this.#pollUntilAnswered().catch((failure: unknown) => {
        if (this.#settle !== undefined) end(() => reject(failure));
        else this.place.onLateAnswer(this.hold);
      });
    });
  }

  /** A release granted the lock to this acquisition. Called for a push that crosses a reply too. */
  onPush(push: PushedGrant): void {
    // Older than our last reply, which said «queued»: that grant ran out before the push came, and we wait again.
    if (this.#clocks !== undefined && push.grantedUs < this.#clocks.serverUs) return;
    this.hold.learn(push.fence, push.lineage);
    const deadlineMs = leaseDeadline(this.#grantedAtMs(push), push.leaseMs);
    this.#settle?.({ outcome: 'granted', hold: this.hold, deadlineMs, leaseMs: push.leaseMs });
  }

  /**
   * The earliest instant at which the grant can have happened: after our last reply, by as much as the server's clock says, and
   * before we heard of it. Without such a reply, or when its clock was set forward since: after we asked.
   */
  #grantedAtMs(push: PushedGrant): number {
    if (this.#clocks === undefined) return this.#firstSentAtMs;
    const { sentAtMs, serverUs } = this.#clocks;
    const nowMs = this.place.context.clock.monotonicMs();
    const sinceReplyMs = (push.grantedUs - serverUs) / 1_000;
    const isPossible = sinceReplyMs <= (nowMs - sentAtMs) * (1 + CLOCK_SPEED) + CLOCK_STEP_MS;
    return isPossible ? Math.min(sentAtMs + sinceReplyMs, nowMs) : sentAtMs;
  }

  /** Pushes may have been lost: ask now instead of at the next poll. */
  pollNow(): void {
    this.#pollSoon = true;
    this.#wake?.();
  }

  async #pollUntilAnswered(): Promise<void> {
    let answer = await this.#ask();
    while (this.#settle !== undefined) {
      if (answer !== undefined && 'outcome' in answer) {
        this.#settle(answer);
        return;
      }
      await this.#idle(answer?.nextPollMs ?? TROUBLE_POLL_MS);
      if (this.#settle === undefined) return;
      answer = await this.#ask().catch((failure: unknown) => this.#onTrouble(failure));
    }
    this.place.onLateAnswer(this.hold);
  }

  async #ask(): Promise<Grant | Busy | { nextPollMs: number } | undefined> {
    const { request } = this;
    this.#pollSoon = false;
    const lease = String(request.leaseMs).padStart(8, '0');
    // From here on it may be in the queue, even if no reply ever says so.
    if (request.wait) this.hold.member = request.ownerToken + lease + this.#tail;
    const answer = await this.place.link.call({
      script: 'acquire',
      keys: [this.place.keys.state, this.place.keys.queue],
      args: [request.ownerToken, lease, this.#tail, request.wait ? '1' : '0', this.#ticket],
      lockName: request.name,
      boundMs: this.place.commandMs,
      // Once it is over, a repetition could take the lock for nobody.
      wanted: () => this.#settle !== undefined,
    });
    return this.#read(answer);
  }

  #read({ reply, sentAtMs }: ScriptAnswer): Grant | Busy | { nextPollMs: number } {
    const [code, second, third, fourth] = reply;
    if (code === GRANTED) {
      this.hold.learn(String(second), String(third));
      const leaseMs = Number(fourth);
      return { outcome: 'granted', hold: this.hold, deadlineMs: leaseDeadline(sentAtMs, leaseMs), leaseMs };
    }
    if (code === BUSY) return { outcome: 'busy', retryAfterMs: Number(second) };
    if (code !== QUEUED) {
      throw new CallFailure(conflict(this.place.keys.state, String(second), this.request.name), false);
    }
    const retryAfterMs = Number(second);
    this.#ticket = String(third);
    this.#clocks = { sentAtMs, serverUs: Number(fourth) };
    this.request.onWaiting?.({ retryAfterMs });
    const spreadMs = this.place.context.randomness.fraction() * POLL_SPREAD_MS;
    return { nextPollMs: Math.min(LONGEST_POLL_MS, Math.max(SHORTEST_POLL_MS, retryAfterMs + spreadMs)) };
  }

  /** A poll that failed does not end the wait: the place in the queue stands, and the engine knows how long the caller will wait. */
  #onTrouble(failure: unknown): undefined {
    const error = failure instanceof CallFailure ? failure.error : failure;
    if (error instanceof LockStoreError) this.request.onWaiting?.({ error });
    return undefined;
  }

  #idle(delayMs: number): Promise<void> {
    if (this.#pollSoon) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
      const timer = this.place.context.clock.setTimer(delayMs, finish, { background: true });
      this.#wake = finish;
    });
  }
}
