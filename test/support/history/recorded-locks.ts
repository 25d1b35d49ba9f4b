// over budget: a manager and its leases, each method with what it writes down
import { type AcquireOptions, type Lease, LockError, LockManager } from '../../../lib/index.js';
import { recordedStore, Recorder, type RecordingOptions } from './recorded-store.js';
import type { HeldKind } from './history-events.js';
import type { SingleLease } from '../../../lib/holding/single-lease.js';
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
    const kind = kindIn(options);
    const boundMs = waitMs === Infinity ? null : Math.max(waitMs, inLine ? 0 : this.#tryMs(kind));
    const call = this.#begin(name, { boundMs, inLine, ...kind });
    const acquiring = this.locks.acquire(name, options);
    return this.#settle(new Map([[name, call]]), acquiring, kind) as Promise<RecordedLease>;
  }

  tryAcquire(name: string, options: AcquireOptions = {}): Promise<RecordedLease | null> {
    const kind = kindIn(options);
    const call = this.#begin(name, { boundMs: this.#tryMs(kind), inLine: false, ...kind });
    return this.#settle(new Map([[name, call]]), this.locks.tryAcquire(name, options), kind);
  }

  /**
   * Several names, all or none. In the history each is a call of its own; not in line, because it comes to the line of a name when it has
   * those before it.
   */
  async acquireAll(
    names: readonly string[],
    { tries = false, ...options }: AcquireOptions & { readonly tries?: boolean } = {},
  ): Promise<RecordedLease | null> {
    const { manager, tryMs } = this.options;
    const waitMs = tries ? 0 : (options.waitMs ?? manager.waitMs ?? 10_000);
    // Who does not wait is answered when what it took for a moment is given back.
    const boundMs = waitMs === Infinity ? null : waitMs === 0 ? 2 * tryMs : Math.max(waitMs, tryMs);
    const calls = new Map(
      [...new Set(names)].map((name) => [name, this.#begin(name, { boundMs, inLine: false })]),
    );
    const label = this.#recorder.nextId();
    this.#recorder.joint.add(label);
    const labelled = { ...options, label };
    return this.#settle(
      calls,
      tries ? this.locks.tryAcquire(names, labelled) : this.locks.acquire(names, labelled),
    );
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

  /** As an operator. */
  async setLimit(name: string, limit: number | null): Promise<void> {
    const { add } = this.#recorder;
    add({ f: 'limit', type: 'invoke', name, limit });
    await this.locks.setLimit(name, limit).then(
      () => add({ f: 'limit', type: 'ok', name, limit }),
      () => add({ f: 'limit', type: 'info', name, limit }),
    );
  }

  /** Whether it may ask gates at all, the request, and the way to the gate and back are a command each. */
  #tryMs({ kind }: Kind): number {
    return kind === undefined ? this.options.tryMs : COMMANDS_OF_A_GATE * this.options.tryMs;
  }

  #begin(name: string, about: Kind & { readonly boundMs: number | null; readonly inLine: boolean }): string {
    const call = this.#recorder.nextId();
    this.#recorder.add({ f: 'acquire', type: 'invoke', call, name, ...about });
    return call;
  }

  /** @param calls by name */
  async #settle(
    calls: ReadonlyMap<string, string>,
    acquiring: Promise<Lease | null>,
    { kind = 'exclusive' }: Kind = {},
  ): Promise<RecordedLease | null> {
    const { add, shared } = this.#recorder;
    const failed = (code: string) => {
      for (const [name, call] of calls) add({ f: 'acquire', type: 'fail', call, name, code });
    };
    try {
      const lease = await acquiring;
      if (lease === null) {
        failed('LOCK_BUSY');
        return null;
      }
      const parts: RecordedPart[] = [];
      for (const [name, call] of calls) {
        const part = single(lease.partOn(name) ?? lease);
        const { fencingToken: fence, deadlineMs, hold } = part;
        this.#recorder.uses(hold, { call, lease: part, whole: lease, shares: kind === 'shared' });
        if (calls.size === 1) this.#recorder.partLeft(hold); // from here on the history knows whose it is
        add({ f: 'acquire', type: 'ok', call, name, fence, deadlineMs: shared(deadlineMs) });
        parts.push({ call, lease: part, kind });
      }
      return new RecordedLease(lease, parts, this.#recorder);
    } catch (error) {
      failed(codeOf(error));
      throw error;
    }
  }
}

/** The lease on one name, which is all of it or one of several, and the call that the history knows it by. */
interface RecordedPart {
  readonly call: string;
  readonly lease: SingleLease;
  kind: HeldKind;
}

/** How a lock is asked for, as the history knows it; undefined: exclusively. */
interface Kind {
  readonly kind?: HeldKind;
  readonly weight?: number;
  readonly limit?: number;
}

const COMMANDS_OF_A_GATE = 4;

function kindIn({ mode, limit, weight = 1 }: AcquireOptions): Kind {
  if (limit !== undefined) return { kind: 'limited', limit, weight };
  return mode === undefined || mode === 'exclusive' ? {} : { kind: mode };
}

/** A lease whose use is written down. */
export class RecordedLease {
  constructor(
    readonly lease: Lease,
    private readonly parts: readonly RecordedPart[],
    private readonly recorder: Recorder,
  ) {
    const onLost = () => {
      const { cause } = lease.signal.reason as { cause: string };
      for (const { call, lease: part } of parts)
        recorder.add({ f: 'lost', call, cause, deadlineMs: recorder.shared(part.deadlineMs) });
    };
    if (lease.signal.aborted) onLost();
    else lease.signal.addEventListener('abort', onLost, { once: true });
  }

  /** Asks the lease whether it is held, as a caller does right before a step, and only then writes. false: not held any more. */
  async write(resource: FencedWrite): Promise<boolean> {
    const { recorder } = this;
    for (const { call, lease, kind } of this.parts) {
      if (kind !== 'exclusive') continue; // a reader does not write
      const checkedAtMs = recorder.nowMs();
      if (this.lease.state !== 'held') return false;
      const { name, fencingToken: fence } = lease;
      recorder.add({ f: 'write', type: 'invoke', call, name, fence, checkedAtMs });
      const version = await resource(name, fence);
      if (version === null) recorder.add({ f: 'write', type: 'refused', call, name });
      else recorder.add({ f: 'write', type: 'accepted', call, name, fence, version });
    }
    return true;
  }

  get isUpgradeable(): boolean {
    return this.parts[0]?.kind === 'upgradeable';
  }

  /** Rejects as `Lease.upgrade`; then it stays as it was. */
  async upgrade(waitMs: number): Promise<void> {
    const { recorder } = this;
    const [part] = this.parts;
    const { call, lease } = part!;
    const askedAtMs = recorder.nowMs();
    recorder.add({ f: 'upgrade', type: 'invoke', call });
    try {
      await this.lease.upgrade({ waitMs });
      part!.kind = 'exclusive';
      recorder.add({ f: 'mode', call, kind: 'exclusive', fence: lease.fencingToken, askedAtMs });
    } finally {
      recorder.add({ f: 'upgrade', type: 'end', call });
    }
  }

  /** From the call on it counts as shared. */
  async downgrade(): Promise<void> {
    const { recorder } = this;
    const [part] = this.parts;
    const { call, lease } = part!;
    if (lease.state !== 'held') return;
    part!.kind = 'shared';
    const askedAtMs = recorder.nowMs();
    recorder.add({ f: 'mode', call, kind: 'shared', fence: lease.fencingToken, askedAtMs });
    await this.lease.downgrade().catch(() => undefined);
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
    const { recorder, parts } = this;
    const askedOf = ({ lease }: RecordedPart) => recorder.asked.get(lease.hold);
    for (const { call } of parts) recorder.add({ f: 'release', type: 'invoke', call });
    const before = parts.map(askedOf);
    try {
      const ending = end(this.lease);
      const asked = parts.map((part, at) => askedOf(part) !== before[at]);
      // It stayed in this process, and may go to a call that waits for others of its names.
      for (const [at, { lease, kind }] of parts.entries())
        if (asked[at] === false && lease.state === 'released' && kind === 'exclusive')
          recorder.partHeld(lease.hold, lease.name);
      const result = await ending;
      for (const [at, { call }] of parts.entries())
        recorder.add({ f: 'release', type: 'ok', call, result, asked: asked[at]! });
    } catch (error) {
      for (const { call } of parts) recorder.add({ f: 'release', type: 'fail', call, code: codeOf(error) });
    }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof LockError) return error.code;
  return (error as { name?: string } | undefined)?.name ?? 'unknown';
}
