import { type AcquireOptions, type Lease, LockError, LockManager } from '../../../lib/index.js';
import { recordedStore, Recorder, type RecordingOptions } from './recorded-store.js';
import { single } from '../single-lease.js';

export type { RecordingOptions } from './recorded-store.js';

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
      const { fencingToken: fence } = lease;
      const { deadlineMs, hold } = single(lease);
      this.#recorder.calls.set(hold, { call, lease });
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
      const deadlineMs = recorder.shared(single(lease).deadlineMs);
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
    await this.#end((lease) => lease.release());
  }

  /** How `using` ends a lease that was acquired with `release: 'sent'`: goes on before the answer, which is written down when it comes. */
  async letGo(): Promise<void> {
    let isOnItsWay!: () => void;
    const going = new Promise<void>((resolve) => (isOnItsWay = resolve));
    void this.#end((lease) => {
      void lease
        .using(() => undefined)
        .catch(() => undefined) // its loss is told by the signal
        .then(isOnItsWay);
      return lease.release();
    });
    await going;
  }

  async #end(end: (lease: Lease) => Promise<'released' | 'lost'>): Promise<void> {
    const { call, recorder, lease } = this;
    recorder.add({ f: 'release', type: 'invoke', call });
    const before = recorder.asked.get(single(lease).hold);
    try {
      const ending = end(lease);
      const asked = recorder.asked.get(single(lease).hold) !== before;
      recorder.add({ f: 'release', type: 'ok', call, result: await ending, asked });
    } catch (error) {
      recorder.add({ f: 'release', type: 'fail', call, code: codeOf(error) });
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof LockError) return error.code;
  return (error as { name?: string } | undefined)?.name ?? 'unknown';
}
