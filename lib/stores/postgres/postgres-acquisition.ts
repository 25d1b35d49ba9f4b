import { leaseDeadline } from '../../runtime/clock.js';
import type { LockError } from '../../lock-errors.js';
import type { StopSignal, YieldRequest } from '../lock-store.js';
import { Acquisition, type AcquisitionHomeOf } from '../mechanics/acquisition.js';
import { withoutNul } from './postgres-calls.js';
import type { AnswerFields, PostgresBatcher, PostgresRequest } from './postgres-carrier.js';
import { isPassing } from './postgres-errors.js';
import { PostgresHold } from './postgres-hold.js';
import type { PushedGrant } from './postgres-notice.js';

/** What every acquisition needs of its store. */
export interface AcquisitionHome extends AcquisitionHomeOf<PostgresHold> {
  readonly batcher: PostgresBatcher;
  /** It is queued, and the server sees nobody who listens for us. */
  unheard(): void;
}

const GRANTED = '1';
const BUSY = '0';
const FULL = '4';
const NEW_TICKET = 0;

/** One acquisition at PostgreSQL: its request as sql/30-acquire.sql reads it, and its answers. */
export class PostgresAcquisition extends Acquisition<PostgresHold> implements PostgresRequest {
  readonly kind = 'acquire';
  readonly hold: PostgresHold;
  fields: PostgresRequest['fields'] = [];
  #ticket = NEW_TICKET;

  constructor(
    protected override readonly home: AcquisitionHome,
    request: YieldRequest,
    signal: StopSignal,
  ) {
    super(home, request, signal);
    const { name, ownerToken, leaseMs } = request;
    const key = `${home.context.prefix}/${name}`;
    this.hold = new PostgresHold({ name, key, ownerToken, leaseMs, label: withoutNul(request.label) });
  }

  protected send(): void {
    this.home.batcher.send(this);
  }

  protected isPassing(error: LockError): boolean {
    return isPassing(error);
  }

  override asked(): void {
    super.asked();
    const { leaseMs, wait, maxWaitingProcesses } = this.request;
    const { key, ownerToken, label } = this.hold;
    this.fields = [key, ownerToken, leaseMs, wait, this.#ticket, maxWaitingProcesses, label];
  }

  answered(answer: AnswerFields, { sentAtMs, repeated }: { sentAtMs: number; repeated: boolean }): void {
    const [code, second, third] = answer;
    const isLate = this.isLate(repeated);
    if (code === GRANTED) this.hold.learn(Number(second), Number(third));
    if (isLate) {
      this.home.undo(this.hold, repeated);
    } else if (code === GRANTED) {
      this.#grantedUntil(sentAtMs, Number(answer[3]));
    } else if (code === BUSY || code === FULL) {
      this.refused({ outcome: code === BUSY ? 'busy' : 'full', retryAfterMs: Number(second) }, repeated);
    } else {
      this.queued(answer, sentAtMs);
    }
  }

  /** The store says that we are queued, and tells the server's time. */
  queued([, retryAfterMs, ticket, serverUs, heard]: AnswerFields, sentAtMs: number): void {
    const isPushed = heard === '1';
    if (!this.isOver) this.#ticket = Number(ticket);
    const told = { retryAfterMs: Number(retryAfterMs), serverUs: Number(serverUs), isPushed };
    if (this.placed(sentAtMs, told) && !isPushed) this.home.unheard();
  }

  /** A release granted the lock to this acquisition. Called for a push that crosses a reply too. */
  onPush(push: PushedGrant): void {
    if (!this.isNews(push.grantedUs)) return;
    this.hold.learn(push.fence, push.lineage);
    if (this.isOver) return;
    this.#grantedUntil(this.earliestMs(push.grantedUs), push.leaseMs);
  }

  /** @param fromMs the lease began at that instant or later (monotonic) */
  #grantedUntil(fromMs: number, leaseMs: number): void {
    this.hold.deadlineMs = leaseDeadline(fromMs, leaseMs);
    this.hold.heldSinceMs = fromMs;
    this.granted(this.hold.deadlineMs, leaseMs);
  }
}
