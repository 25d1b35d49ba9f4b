import type { AcquireSettings } from '../acquire-options.js';
import { LockBusyError, LockError, LockStoreError } from '../lock-errors.js';
import type { LockAudience, RefusalReason } from '../lock-events.js';
import type { Clock } from '../runtime/clock.js';

/** A call that ended without a lease. */
export interface RefusedCall {
  /** Canonical, each once. */
  readonly names: readonly string[];
  readonly settings: AcquireSettings;
  /** Monotonic. */
  readonly calledAtMs: number;
}

/** Tells of each call that ended without a lease, once. Nothing is built when nobody listens. */
export class Refusals {
  constructor(
    private readonly audience: LockAudience,
    private readonly clock: Clock,
  ) {}

  get areHeard(): boolean {
    return this.audience.has('refused');
  }

  /** It ended with this error. */
  failed(call: RefusedCall, error: unknown): void {
    const reason = this.areHeard ? reasonOf(error, call.settings) : undefined;
    if (reason !== undefined)
      this.#tell(call, reason, error instanceof LockError ? error.lockName : undefined);
  }

  /** It asked once, and somebody else has the lock. @param busyName which of several */
  busy(call: RefusedCall, busyName?: string): void {
    if (this.areHeard) this.#tell(call, busyReason(call.settings), busyName);
  }

  #tell(
    { names, settings, calledAtMs }: RefusedCall,
    reason: RefusalReason,
    culprit: string | undefined,
  ): void {
    const { label, template, mode } = settings;
    const name = culprit !== undefined && names.includes(culprit) ? culprit : (names[0] ?? '');
    const waitedMs = Math.max(0, this.clock.monotonicMs() - calledAtMs);
    this.audience.emit('refused', { name, names, label, template, mode, reason, waitedMs });
  }
}

/** undefined: a wrong call, which is nobody's refusal, or a loss, which has an event of its own. */
function reasonOf(error: unknown, settings: AcquireSettings): RefusalReason | undefined {
  const { signal } = settings;
  if (signal?.aborted === true && signal.reason === error) return 'aborted'; // first: a reason may be one of our errors
  if (error instanceof LockBusyError) return error.code === 'LOCK_QUEUE_FULL' ? 'full' : busyReason(settings);
  if (error instanceof LockStoreError) return error.code === 'LOCK_CLOSED' ? 'closed' : 'store-error';
  return undefined;
}

function busyReason({ skipsWhenBusy }: AcquireSettings): RefusalReason {
  return skipsWhenBusy ? 'skipped' : 'busy';
}
