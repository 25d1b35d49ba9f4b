import {
  type AcquireOptions,
  canonicalName,
  type Clock,
  describeValue,
  isAbove,
  isIntention,
  type Lease,
  LockBusyError,
  LockManager,
  type LockManagerOptions,
  LockStoreError,
  memoryStore,
  processWide,
  systemClock,
} from '../lib/index.js';

/** No lease of the stand-in may run out under a method: it stands for nothing in a store. */
const STAND_IN_LEASE_MS = 86_400_000;
/** What says that the store is away, and not that the lock is taken, the call wrong, or this process leaving. */
const STORE_IS_AWAY: readonly string[] = ['LOCK_STORE_UNAVAILABLE', 'LOCK_STORE_READONLY'];

/** A method of `onStoreFailure: 'run-unlocked'` that runs now. */
interface Section {
  readonly names: readonly string[];
  readonly isUnlocked: boolean;
}

/** Ends of sections. Of the process: the interceptor and the decorator may come from two copies of this package. */
const ends = processWide('section-ends', () => new WeakMap<Lease, () => void>());
const standIns = processWide('stand-ins', () => new WeakSet<Lease>());

/** The work under this lease is over, whatever has become of the lease. */
export function sectionEnded(lease: Lease): void {
  ends.get(lease)?.();
}

/** Does it stand for no lock in any store? Then a method must not see it. */
export function isStandIn(lease: Lease): boolean {
  return standIns.has(lease);
}

/**
 * Fail open, where one `@Locked` asks for it: when the store is away, the method runs without the lock. What is still promised is that
 * callers of this process exclude each other. A lock manager in memory, the stand-in, does that among those who run unlocked, with
 * everything that a lock of theirs has (mode, limit, several names, re-entry). Those who have a true lease, because the store came
 * back or has only just gone, are waited for, and wait.
 */
export class UnlockedRuns {
  readonly #locks: LockManager;
  readonly #standIn: LockManager;
  readonly #clock: Clock;
  readonly #sections = new Set<Section>();
  /** True leases that were granted and wait until an unlocked run is over. */
  readonly #granted = new Set<Lease>();
  /** Called at every change of what runs. */
  readonly #waiting = new Set<() => void>();

  constructor(locks: LockManager, options: LockManagerOptions) {
    this.#locks = locks;
    this.#clock = options.clock ?? systemClock;
    const store = memoryStore({ allowInProduction: true });
    this.#standIn = new LockManager({ ...options, store, leaseMs: STAND_IN_LEASE_MS, renew: true });
    this.#standIn.on('warning', () => undefined); // that it is one of this process only is the point of it
    for (const event of ['released', 'lost', 'releaseFailed'] as const)
      locks.on(event, () => this.#changed());
  }

  /**
   * A lease for a method of `onStoreFailure: 'run-unlocked'`: a true one, or a stand-in.
   *
   * @throws what `acquire` throws but for a store that is away; LockBusyError when others of this process did not let go in another
   *   `waitMs`
   */
  async take(names: readonly string[], options: AcquireOptions): Promise<Lease> {
    const isWithin = () => names.every((name) => this.#standIn.isInside(canonicalName(name)));
    if (this.#sections.size > 0 && isWithin()) return this.#standInLease(names, options); // part of a run that is unlocked already
    let lease: Lease;
    try {
      lease = await this.#locks.acquire(names, options);
    } catch (error) {
      if (!(error instanceof LockStoreError) || !STORE_IS_AWAY.includes(error.code)) throw error;
      return this.#runUnlocked(names, options, error);
    }
    this.#begin(lease, false);
    return lease;
  }

  /** A true lease is handed out only when nobody of this process runs unlocked on its names. @throws LockBusyError */
  async letEnd(lease: Lease, options: AcquireOptions | undefined): Promise<Lease> {
    const names = lease.names.filter((name) => !this.#standIn.isInside(name));
    const isFree = () => !this.#runs(names, true);
    if (isFree()) return lease;
    this.#granted.add(lease);
    this.#changed();
    try {
      await this.#until(isFree, names, options);
      return lease;
    } catch (error) {
      await lease.release().catch(() => undefined);
      throw error;
    } finally {
      this.#granted.delete(lease);
    }
  }

  close(): Promise<void> {
    return this.#standIn.close();
  }

  async #runUnlocked(
    names: readonly string[],
    options: AcquireOptions,
    error: LockStoreError,
  ): Promise<Lease> {
    const lease = await this.#standInLease(names, options);
    const others = lease.names.filter((name) => !this.#locks.isInside(name));
    try {
      await this.#until(() => !this.#isHeldHere(others), others, options);
    } catch (busy) {
      await lease.release();
      throw busy;
    }
    this.#begin(lease, true);
    this.#locks.tell('runsUnlocked', { names: lease.names, label: lease.label, error });
    this.#locks.tell('warning', {
      message: `${lease.label} runs without its lock ${lease.names.map(describeValue).join(', ')}, as onStoreFailure: 'run-unlocked' says: ${error.message}`,
    });
    return lease;
  }

  async #standInLease(names: readonly string[], options: AcquireOptions): Promise<Lease> {
    const lease = await this.#standIn.acquire(names, {
      ...options,
      leaseMs: STAND_IN_LEASE_MS,
      renew: true,
    });
    standIns.add(lease);
    return lease;
  }

  #begin(lease: Lease, isUnlocked: boolean): void {
    const section: Section = { names: lease.names, isUnlocked };
    this.#sections.add(section);
    ends.set(lease, () => {
      ends.delete(lease);
      this.#sections.delete(section);
      this.#changed();
      // Its lease ends next, and the event of that may be late: the store is asked first.
      this.#clock.nextTurn(() => this.#changed());
    });
  }

  /** By a true lease that is in use, or by a method whose true lease was lost and that still runs. */
  #isHeldHere(names: readonly string[]): boolean {
    const waiting = [...this.#granted].flatMap(({ fencingTokens }) => [...fencingTokens].map(String));
    const inUse = this.#locks.held().filter(({ name, mode, fencingToken }) => {
      if (isIntention(mode)) return false; // the one below it counts
      const at = waiting.indexOf(String([name, fencingToken])); // readers may share a token: one for one
      if (at >= 0) waiting.splice(at, 1);
      return at < 0 && names.some((own) => areKin(own, name));
    });
    return inUse.length > 0 || this.#runs(names, false);
  }

  /** Does a section on one of these names run, without the lock or with it? */
  #runs(names: readonly string[], isUnlocked: boolean): boolean {
    const sections = [...this.#sections].filter((section) => section.isUnlocked === isUnlocked);
    return sections.some((section) => section.names.some((name) => names.some((own) => areKin(own, name))));
  }

  /** @throws LockBusyError after `waitMs`; the reason of the caller's signal */
  #until(
    isFree: () => boolean,
    names: readonly string[],
    options: AcquireOptions | undefined,
  ): Promise<void> {
    if (isFree()) return Promise.resolve();
    const { waitMs = this.#locks.callDefaults.waitMs, signal } = options ?? {};
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
        this.#waiting.delete(look);
        how();
      };
      const look = () => isFree() && settle(resolve);
      const abort = () => settle(() => reject(signal?.reason as Error));
      const timer = this.#clock.setTimer(waitMs, () => settle(() => reject(stillInUse(names, waitMs))));
      this.#waiting.add(look);
      signal?.addEventListener('abort', abort);
      if (signal?.aborted === true) abort();
    });
  }

  #changed(): void {
    for (const look of this.#waiting) look();
  }
}

/** The same name, or a whole and its part, whether or not both have layers: one waits once too often rather than once too little. */
function areKin(a: string, b: string): boolean {
  return a === b || isAbove(a, b) || isAbove(b, a);
}

function stillInUse(names: readonly string[], waitMs: number): LockBusyError {
  const [name = ''] = names;
  const message = `lock "${name}" is in use in this process, partly without the store, which is away; gave up after waiting ${waitMs} ms more`;
  return new LockBusyError(name, { message, retryAfterMs: 0 });
}
