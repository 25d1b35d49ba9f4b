import { systemClock } from '../../../lib/clock.js';
import {
  type AcquireOptions,
  type Lease,
  LockError,
  LockManager,
  type LockManagerOptions,
  type LockStore,
} from '../../../lib/index.js';
import { wrapStore } from '../../../lib/testing/contract/contract-bench.js';
import type { Happening, HistoryEvent } from './history-events.js';

export interface RecordingOptions {
  /** Name of this process in the history. */
  readonly p: string;
  readonly manager: LockManagerOptions;
  readonly write: (event: HistoryEvent) => void;
  /** Added to the manager's monotonic clock to give the clock that all processes share, in ms. */
  readonly offsetMs: number;
  /** How long a request may take that does not wait, in ms: the store's `commandMs`. */
  readonly tryMs: number;
}

/** Something that a lock protects and that checks fencing tokens: the version of an accepted write, or null for a refused one. */
export type FencedWrite = (name: string, fence: number) => Promise<number | null>;

/** A LockManager that writes down whatever is asked of it, what it answers, and what passes between it and its store. */
export class RecordedLocks {
  readonly locks: LockManager;
  readonly #recorder: Recorder;

  constructor(private readonly options: RecordingOptions) {
    this.#recorder = new Recorder(options);
    const store = recordedStore(options.manager.store, this.#recorder);
    this.locks = new LockManager({ ...options.manager, store });
  }

  /** As `LockManager.acquire`. `waitMs` defaults to that of the manager. */
  async acquire(name: string, options: AcquireOptions = {}): Promise<RecordedLease> {
    const waitMs = options.waitMs ?? this.options.manager.waitMs ?? 10_000;
    const inLine = waitMs > 0;
    const boundMs = waitMs === Infinity ? null : Math.max(waitMs, inLine ? 0 : this.options.tryMs);
    const call = this.#begin(name, boundMs, inLine);
    return this.#settle(call, name, this.locks.acquire(name, options)) as Promise<RecordedLease>;
  }

  tryAcquire(name: string, options: AcquireOptions = {}): Promise<RecordedLease | null> {
    const call = this.#begin(name, this.options.tryMs, false);
    return this.#settle(call, name, this.locks.tryAcquire(name, options));
  }

  async forceRelease(name: string, reason: string): Promise<void> {
    const { add } = this.#recorder;
    add({ f: 'force', type: 'invoke', name });
    try {
      await this.locks.forceRelease(name, reason);
      add({ f: 'force', type: 'ok', name });
    } catch (error) {
      add({ f: 'force', type: 'info', name });
      throw error;
    }
  }

  /** This process does nothing for a while: its own code keeps the event loop busy. */
  block(work: () => void): void {
    const { add } = this.#recorder;
    add({ f: 'process', type: 'pause', of: this.options.p });
    work();
    add({ f: 'process', type: 'resume', of: this.options.p });
  }

  /** Between these two moments of its monotonic clock its event loop did not turn: the machine had no time for it. */
  stalled(fromMs: number, untilMs: number): void {
    const { add, shared } = this.#recorder;
    const of = this.options.p;
    add({ f: 'process', type: 'pause', of }, shared(fromMs));
    add({ f: 'process', type: 'resume', of }, shared(untilMs));
  }

  /** @param leftovers asked once everything is closed: what is still there that should not be */
  async close(leftovers: () => Promise<readonly string[]> = async () => []): Promise<void> {
    await this.locks.close();
    const left = await leftovers();
    this.#recorder.add({ f: 'process', type: 'end', of: this.options.p, leftovers: left });
  }

  #begin(name: string, boundMs: number | null, inLine: boolean): string {
    const call = this.#recorder.nextId();
    this.#recorder.add({ f: 'acquire', type: 'invoke', call, name, boundMs, inLine });
    return call;
  }

  async #settle(call: string, name: string, acquiring: Promise<Lease | null>): Promise<RecordedLease | null> {
    const { add, shared } = this.#recorder;
    try {
      const lease = await acquiring;
      if (lease === null) {
        add({ f: 'acquire', type: 'fail', call, name, code: 'LOCK_BUSY' });
        return null;
      }
      const { fencingToken: fence, deadlineMs } = lease;
      this.#recorder.calls.set(lease.hold, call);
      add({ f: 'acquire', type: 'ok', call, name, fence, deadlineMs: shared(deadlineMs) });
      return new RecordedLease(lease, call, this.#recorder);
    } catch (error) {
      add({ f: 'acquire', type: 'fail', call, name, code: codeOf(error) });
      throw error;
    }
  }
}

/** A lease whose use is written down. */
export class RecordedLease {
  constructor(
    readonly lease: Lease,
    private readonly call: string,
    private readonly recorder: Recorder,
  ) {
    const onLost = () => {
      const { cause } = lease.signal.reason as { cause: string };
      const deadlineMs = recorder.shared(lease.deadlineMs);
      recorder.add({ f: 'lost', call, cause, deadlineMs });
    };
    if (lease.signal.aborted) onLost();
    else lease.signal.addEventListener('abort', onLost, { once: true });
  }

  /** Asks the lease whether it is held, as a caller does right before a step, and only then writes. false: not held any more. */
  async write(resource: FencedWrite): Promise<boolean> {
    const { call, recorder, lease } = this;
    const checkedAtMs = recorder.nowMs();
    if (lease.state !== 'held') return false;
    const { name, fencingToken: fence } = lease;
    recorder.add({ f: 'write', type: 'invoke', call, name, fence, checkedAtMs });
    const version = await resource(name, fence);
    if (version === null) recorder.add({ f: 'write', type: 'refused', call, name });
    else recorder.add({ f: 'write', type: 'accepted', call, name, fence, version });
    return true;
  }

  async release(): Promise<void> {
    const { call, recorder } = this;
    recorder.add({ f: 'release', type: 'invoke', call });
    try {
      recorder.add({ f: 'release', type: 'ok', call, result: await this.lease.release() });
    } catch (error) {
      recorder.add({ f: 'release', type: 'fail', call, code: codeOf(error) });
    }
  }
}

/** Stamps what happens with the process, its order in it, and the time. */
class Recorder {
  /** Whose hold it is. */
  readonly calls = new WeakMap<object, string>();
  readonly #options: RecordingOptions;
  #seq = 0;
  #ids = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  nextId(): string {
    return `${this.#options.p}:${++this.#ids}`;
  }

  nowMs(): number {
    return this.shared((this.#options.manager.clock ?? systemClock).monotonicMs());
  }

  readonly shared = (monotonicMs: number): number => monotonicMs + this.#options.offsetMs;

  readonly add = (happening: Happening, atMs = this.nowMs()): void => {
    const stamp = { p: this.#options.p, seq: this.#seq++, atMs };
    this.#options.write(Object.assign(stamp, happening));
  };
}

/** Places in the queue and renewals are not seen by the caller: write them down where they pass. */
function recordedStore(store: LockStore, recorder: Recorder): LockStore {
  const { add, calls, shared } = recorder;
  return wrapStore(store, {
    acquire: async (request, signal) => {
      const { name, onWaiting } = request;
      const place = recorder.nextId();
      add({ f: 'place', type: 'ask', place, name });
      const queued: typeof onWaiting = (news) => {
        if (news.error === undefined) add({ f: 'place', type: 'queued', place, name });
        onWaiting?.(news);
      };
      try {
        const answer = await store.acquire(onWaiting ? { ...request, onWaiting: queued } : request, signal);
        add({ f: 'place', type: answer.outcome === 'granted' ? 'granted' : 'left', place, name });
        return answer;
      } catch (error) {
        add({ f: 'place', type: 'left', place, name });
        throw error;
      }
    },
    renew: async (requests) => {
      // A hold without a call is one whose acquire has not returned yet.
      const known = requests.map(({ hold }) => calls.get(hold));
      for (const call of known) if (call !== undefined) add({ f: 'renew', type: 'invoke', call });
      const outcomes = await store.renew(requests);
      for (const [i, call] of known.entries()) {
        const outcome = outcomes[i];
        const fence = requests[i]?.hold.fencingToken ?? 0;
        if (call === undefined || outcome === undefined) continue;
        if (outcome.outcome !== 'renewed') add({ f: 'renew', type: outcome.outcome, call });
        else add({ f: 'renew', type: 'ok', call, fence, deadlineMs: shared(outcome.deadlineMs) });
      }
      return outcomes;
    },
  });
}

function codeOf(error: unknown): string {
  if (error instanceof LockError) return error.code;
  return (error as { name?: string } | undefined)?.name ?? 'unknown';
}
