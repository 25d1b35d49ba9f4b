import { leaseDeadline } from '../../runtime/clock.js';
import type { LockError, LockStoreError } from '../../lock-errors.js';
import type { StopSignal, YieldRequest } from '../lock-store.js';
import { Acquisition } from '../mechanics/acquisition.js';
import { CallFailure } from '../mechanics/tries.js';
import type { AcquisitionHome } from './acquisition-home.js';
import type { PushedGrant } from './grant-channel.js';
import type { RedisRequest } from './redis-carrier.js';
import { NEW_TICKET, plainTerms, refusalIn } from './redis-acquire-words.js';
import { isPassing } from './redis-errors.js';
import { RedisHold } from './redis-hold.js';
import { lockKeys } from './redis-keys.js';
import { ASK_GATE, ASK_PLAINLY } from './gate/gate-errors.js';
import { gateModeOf, needsGate } from './gate/gate-kind.js';
import { acquireTerms } from './gate/gate-wire.js';
import type { ScriptReply } from './redis-link.js';

/** Answers of acquire.lua. */
const GRANTED = 1;
const BUSY = 0;
const FULL = 4;

/** One acquisition at Redis: its request as the scripts read it, and their answers. */
export class RedisAcquisition extends Acquisition<RedisHold> implements RedisRequest {
  /** Which script is asked: that of format 1, or that of the general gate. */
  kind: 'acquire' | 'gate-acquire';
  readonly hold: RedisHold;
  terms = '';
  readonly own: readonly string[];
  #ticket = NEW_TICKET;

  constructor(
    protected override readonly home: AcquisitionHome,
    request: YieldRequest,
    signal: StopSignal,
  ) {
    super(home, request, signal);
    const { name, ownerToken, leaseMs } = request;
    const keys = lockKeys(home.context.prefix, name);
    const owner = `${ownerToken}${home.channel()}|${request.label}`;
    const { weight } = request;
    this.hold = new RedisHold({ name, ownerToken, leaseMs, keys, owner, mode: gateModeOf(request), weight });
    this.kind = needsGate(request) ? 'gate-acquire' : 'acquire';
    this.own = [owner];
  }

  protected send(): void {
    if (this.kind === 'acquire' || this.home.gate.isAllowed) this.home.batcher.send(this);
    else
      this.home.gate.allowed().then(
        () => (this.isOver ? undefined : this.home.batcher.send(this)),
        (error: unknown) => this.failed(new CallFailure(error as LockStoreError, false)),
      );
  }

  protected isPassing(error: LockError): boolean {
    return isPassing(error);
  }

  /** Its terms and its own are now the request as the scripts read it, see acquire.lua. */
  override asked(): void {
    super.asked();
    const { request, hold } = this;
    if (request.wait) hold.queuedMs = request.leaseMs;
    hold.isAtGate = this.kind === 'gate-acquire';
    const { keepMs } = this.home.context;
    this.terms = hold.isAtGate
      ? acquireTerms(request, { ticket: this.#ticket, keepMs })
      : plainTerms(request, this.#ticket);
  }

  answered(answer: ScriptReply, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    if (this.isLate(repeated)) {
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
      this.limit = Number(answer[4] ?? 0);
      const leaseMs = Number(answer[3]);
      this.granted(leaseDeadline(sentAtMs, leaseMs), leaseMs);
      return;
    }
    const refusal = refusalIn(answer, this.hold.keys.state, this.request);
    if (refusal !== undefined) {
      this.refused(refusal, repeated);
    } else if (code === BUSY || code === FULL) {
      this.refused({ outcome: code === BUSY ? 'busy' : 'full', retryAfterMs: Number(second) }, repeated);
    } else {
      this.queued(answer, sentAtMs);
    }
  }

  /** The store says that we are queued, and tells the server's time. */
  queued(answer: ScriptReply, sentAtMs: number): void {
    const [, retryAfterMs, ticket, serverUs, listeners, limit] = answer;
    this.limit = Number(limit ?? 0);
    const told = {
      retryAfterMs: Number(retryAfterMs),
      serverUs: Number(serverUs),
      isPushed: Number(listeners) > 0,
    };
    if (!this.isOver) this.#ticket = String(ticket);
    if (this.placed(sentAtMs, told)) this.home.counted(Number(listeners), sentAtMs);
  }

  /** A release granted the lock to this acquisition. Called for a push that crosses a reply too. */
  onPush(push: PushedGrant): void {
    if (!this.isNews(push.grantedUs)) return;
    this.hold.learn(push.fence, push.lineage);
    if (this.isOver) return;
    this.granted(leaseDeadline(this.earliestMs(push.grantedUs), push.leaseMs), push.leaseMs);
  }

  #learn(answer: ScriptReply): void {
    if (answer[0] === GRANTED) this.hold.learn(String(answer[1]), String(answer[2]));
  }
}
