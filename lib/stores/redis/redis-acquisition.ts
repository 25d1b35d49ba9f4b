// over budget: the answers that one acquisition may meet belong together.
import { leaseDeadline } from '../../runtime/clock.js';
import type { Busy, Full, Grant, StopSignal, YieldRequest } from '../lock-store.js';
import type { AcquisitionHome } from './acquisition-home.js';
import type { PushedGrant } from './grant-channel.js';
import type { RedisRequest } from './redis-carrier.js';
import { NEW_TICKET, plainTerms, refusalIn } from './redis-acquire-words.js';
import { isPassing } from './redis-errors.js';
import { RedisHold } from './redis-hold.js';
import { lockKeys } from './redis-keys.js';
import type { LockStoreError } from '../../lock-errors.js';
import { ASK_GATE, ASK_PLAINLY } from './gate/gate-errors.js';
import { gateModeOf, needsGate } from './gate/gate-kind.js';
import { acquireTerms } from './gate/gate-wire.js';
import type { ScriptReply } from './redis-link.js';
import { pollDelayMs } from '../mechanics/poll-grid.js';
import { ServerClock } from '../mechanics/server-clock.js';
import { CallFailure, paceMs } from '../mechanics/tries.js';

/** Answers of acquire.lua. */
const GRANTED = 1;
const BUSY = 0;
const FULL = 4;

const TROUBLE_POLL_MS = 500;

/**
 * One acquisition, from the first request to grant, «busy», failure or abort. While it is queued it is served by whichever comes
 * first: the push of a release, or its own poll, which is the same request with the same bytes and the ticket it was given, so
 * that it keeps its place over reconnects and restarts.
 */
export class RedisAcquisition implements RedisRequest {
  /** Which script is asked: that of format 1, or that of the general gate. */
  kind: 'acquire' | 'gate-acquire';
  readonly hold: RedisHold;
  /** What the caller waits for. */
  readonly outcome: Promise<Grant | Busy | Full>;
  terms = '';
  readonly own: readonly string[];
  /** Was it ever in the queue, as far as we were told? */
  isQueued = false;
  #ticket = NEW_TICKET;
  /** The limit in force, as we were last told; 0: none. */
  #limit = 0;
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
    private readonly home: AcquisitionHome,
    readonly request: YieldRequest,
    private readonly signal: StopSignal,
  ) {
    const { name, ownerToken, leaseMs } = request;
    const keys = lockKeys(home.context.prefix, name);
    const owner = `${ownerToken}${home.channel()}|${request.label}`;
    const { weight } = request;
    this.hold = new RedisHold({ name, ownerToken, leaseMs, keys, owner, mode: gateModeOf(request), weight });
    this.kind = needsGate(request) ? 'gate-acquire' : 'acquire';
    this.own = [owner];
    this.#serverClock = new ServerClock(home.context.clock.monotonicMs());
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (!signal.aborted) signal.addEventListener('abort', this.#onAbort);
  }

  get isPatient(): boolean {
    return this.request.wait;
  }

  /** Once it is over, a repetition could take the lock for nobody. */
  wanted(): boolean {
    return !this.#isOver;
  }

  /** Sends the request: for the first time, or as a poll. */
  ask(): void {
    this.asked();
    if (this.kind === 'acquire' || this.home.gate.isAllowed) this.home.batcher.send(this);
    else
      this.home.gate.allowed().then(
        () => (this.#isOver ? undefined : this.home.batcher.send(this)),
        (error: unknown) => this.failed(new CallFailure(error as LockStoreError, false)),
      );
  }

  /**
   * Its terms and its own are now the request as the scripts read it, see acquire.lua: somebody sends it, and tells what was answered.
   * From here on it may be in the queue, even if no reply ever says so.
   */
  asked(): void {
    this.#pollSoon = false;
    this.#asking = true;
    const { request, hold } = this;
    if (request.wait) hold.queuedMs = request.leaseMs;
    hold.isAtGate = this.kind === 'gate-acquire';
    const { keepMs } = this.home.context;
    this.terms = hold.isAtGate
      ? acquireTerms(request, { ticket: this.#ticket, keepMs })
      : plainTerms(request, this.#ticket);
  }

  answered(answer: ScriptReply, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    this.#asking = false;
    if (repeated) this.hold.mayComeBack = true;
    if (this.#isOver) {
      this.#learn(answer);
      this.home.undo(this.hold, repeated);
      return;
    }
    const [code, second] = answer;
    if (code === ASK_GATE || code === ASK_PLAINLY) {
      // The same request, with the same token, to the other script. Each such answer tells that the gate was opened or closed since the
      // last one, so that nobody goes round for ever.
      this.kind = code === ASK_GATE ? 'gate-acquire' : 'acquire';
      this.ask();
      return;
    }
    if (code === GRANTED) {
      this.#learn(answer);
      this.#limit = Number(answer[4] ?? 0);
      const leaseMs = Number(answer[3]);
      this.#grant(leaseDeadline(sentAtMs, leaseMs), leaseMs);
      return;
    }
    const refusal = refusalIn(answer, this.hold.keys.state, this.request);
    if (code === BUSY || code === FULL || refusal !== undefined) {
      this.#end(false);
      if (repeated) this.home.undo(this.hold, true); // an earlier copy may be executed when the lock is free
      if (refusal !== undefined) this.#reject(refusal);
      else this.#resolve({ outcome: code === BUSY ? 'busy' : 'full', retryAfterMs: Number(second) });
    } else {
      this.queued(answer, sentAtMs);
    }
  }

  /** The store says that we are queued, and tells the server's time. */
  queued(answer: ScriptReply, sentAtMs: number): void {
    const [, retryAfterMs, ticket, serverUs, listeners, limit] = answer;
    this.#limit = Number(limit ?? 0);
    this.#asking = false;
    this.#refusals = 0;
    this.#markQueued();
    if (this.#isOver) {
      this.home.undo(this.hold, false);
      return;
    }
    this.#ticket = String(ticket);
    this.#serverClock.told(sentAtMs, Number(serverUs));
    this.request.onWaiting?.({ retryAfterMs: Number(retryAfterMs) });
    const spread = this.home.context.randomness.fraction();
    this.#pollAfter(
      pollDelayMs({ retryAfterMs: Number(retryAfterMs), isPushed: Number(listeners) > 0, spread }),
    );
    this.home.counted(Number(listeners), sentAtMs);
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
    const isRefused = isPassing(error);
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

  /** A release granted the lock to this acquisition. Called for a push that crosses a reply too. */
  onPush(push: PushedGrant): void {
    // Older than our last reply, which said «queued»: that grant ran out before the push came, and we wait again.
    if (this.#serverClock.isBeforeReply(push.grantedUs)) return;
    this.hold.learn(push.fence, push.lineage);
    if (this.#isOver) return;
    const grantedAtMs = this.#serverClock.earliestMs(push.grantedUs, this.home.context.clock.monotonicMs());
    this.#grant(leaseDeadline(grantedAtMs, push.leaseMs), push.leaseMs);
  }

  /** Pushes may have been lost: ask now instead of at the next poll. */
  pollNow(): void {
    if (this.#isOver) return;
    this.#pollSoon = true;
    if (!this.#asking) this.#poll();
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

  #learn(answer: ScriptReply): void {
    if (answer[0] === GRANTED) this.hold.learn(String(answer[1]), String(answer[2]));
  }

  #grant(deadlineMs: number, leaseMs: number): void {
    this.#end(true);
    const { hold } = this;
    const isOther = this.#limit > 0 && this.#limit !== this.request.limit;
    this.#resolve({ outcome: 'granted', hold, deadlineMs, leaseMs, ...(isOther && { limit: this.#limit }) });
  }

  #end(granted: boolean): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.signal.removeEventListener('abort', this.#onAbort);
    this.home.ended(this, granted);
  }
}
