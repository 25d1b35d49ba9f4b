import { setTimeout as sleep } from 'node:timers/promises';
import type { FencedWrite, RecordedLease, RecordedLocks } from '../../support/history/recorded-locks.js';
import { Seeded } from '../../support/seeded.js';

/** What the callers of one process do until they are told to rest. Chances are from 0 to 1, times in ms. */
export interface Workload {
  readonly seed: string;
  /** Callers at the same time. */
  readonly loops: number;
  readonly names: readonly string[];
  readonly waitMs: number;
  /** A holder works up to so long. */
  readonly holdMs: number;
  /** A holder works so long that its lease must be renewed several times. */
  readonly longHoldMs: number;
  readonly long: number;
  /** Asks once. */
  readonly tries: number;
  /** Takes two or three names together, where there are as many. */
  readonly together: number;
  /** Gives up its wait by a signal. */
  readonly aborts: number;
  /** Takes a lease that is not renewed. */
  readonly unrenewed: number;
  readonly extends: number;
  /** Goes on while its release is on its way. */
  readonly sent: number;
  /** Writes to the resource, before and after its work. */
  readonly writes: number;
  readonly forces: number;
  /** Names that are read (90 %) and written, some by way of an upgrade. */
  readonly documents: readonly string[];
  /** Names with a limit, which an operator changes now and then. */
  readonly doors: readonly string[];
  /** Takes one of these instead. */
  readonly kinds: number;
  /** Between two acquisitions, up to. */
  readonly thinkMs: number;
}

/** What callers do unless a cell says otherwise. */
export function usualWorkload(leaseMs: number): Omit<Workload, 'seed' | 'waitMs'> {
  return {
    loops: 3,
    names: ['group:1', 'group:2', 'user:1'],
    holdMs: 10,
    long: 0.03,
    longHoldMs: leaseMs * 1.2,
    tries: 0.15,
    together: 0.2,
    aborts: 0.1,
    unrenewed: 0.05,
    extends: 0.1,
    sent: 0.2,
    writes: 1,
    forces: 0,
    documents: ['doc:1'],
    doors: ['door:1'],
    kinds: 0.4,
    thinkMs: 5,
  };
}

const AFTER_FAILURE_MS = 20;

const LIMIT = 3;
const HIGHEST_LIMIT = 5;

/** The callers: each takes a lock, works under it, writes to the fenced resource, releases, and starts again. */
export class WorkloadRunner {
  readonly #loops: Promise<void>[] = [];
  #resting = false;

  constructor(
    private readonly locks: RecordedLocks,
    private readonly resource: FencedWrite,
    private readonly workload: Workload,
  ) {
    for (let n = 0; n < workload.loops; n++)
      this.#loops.push(this.#loop(new Seeded(`${workload.seed}/${n}`)));
  }

  /** Resolves when every caller has finished what it was doing. */
  async rest(): Promise<void> {
    this.#resting = true;
    await Promise.all(this.#loops);
  }

  async #loop(chance: Seeded): Promise<void> {
    while (!this.#resting) {
      const failed = await this.#once(chance).then(
        () => false,
        () => true, // busy, aborted, no store: it is in the history, and the caller comes again
      );
      await sleep(failed ? AFTER_FAILURE_MS : chance.between(0, this.workload.thinkMs));
    }
  }

  async #once(chance: Seeded): Promise<void> {
    if (chance.chance(this.workload.kinds)) return this.#shared(chance);
    const { names, forces } = this.workload;
    const name = chance.pick(names);
    if (chance.chance(forces)) await this.locks.forceRelease(name, 'chance');
    const release = chance.chance(this.workload.sent) ? 'sent' : 'confirmed';
    const lease = await this.#take(name, chance, release);
    if (lease === null) return;
    try {
      await this.#work(lease, chance);
    } finally {
      await (release === 'sent' ? lease.letGo() : lease.release());
    }
  }

  /** A reader, a writer, one who reads and then writes; or a permit of a limit. */
  async #shared(chance: Seeded): Promise<void> {
    const { documents, doors, tries, waitMs } = this.workload;
    const isDoor = chance.chance(0.4);
    const name = chance.pick(isDoor ? doors : documents);
    if (isDoor && chance.chance(0.03))
      await this.locks.setLimit(name, chance.chance(0.5) ? null : chance.between(2, HIGHEST_LIMIT));
    const mode = chance.chance(0.9) ? 'shared' : chance.chance(0.6) ? 'upgradeable' : 'exclusive';
    const permit = { limit: LIMIT, weight: chance.chance(0.8) ? 1 : 2 };
    const kind = !isDoor ? ({ mode } as const) : chance.chance(0.1) ? {} : permit;
    const lease = await (chance.chance(tries)
      ? this.locks.tryAcquire(name, kind)
      : this.locks.acquire(name, kind));
    if (lease === null) return;
    try {
      if (lease.isUpgradeable && chance.chance(0.7))
        await lease.upgrade(chance.between(0, waitMs / 2)).catch(() => undefined);
      await this.#work(lease, chance);
      if (!isDoor && mode !== 'shared' && chance.chance(0.3)) await lease.downgrade();
    } finally {
      await lease.release();
    }
  }

  async #take(name: string, chance: Seeded, release: 'confirmed' | 'sent'): Promise<RecordedLease | null> {
    const { tries, aborts, unrenewed, waitMs, names, together } = this.workload;
    if (names.length > 1 && chance.chance(together)) {
      const several = Array.from({ length: chance.between(2, 3) }, () => chance.pick(names));
      return this.locks.acquireAll(several, { release, tries: chance.chance(tries) });
    }
    if (chance.chance(tries)) return this.locks.tryAcquire(name, { release });
    if (chance.chance(unrenewed)) return this.locks.acquire(name, { renew: false, release });
    if (!chance.chance(aborts)) return this.locks.acquire(name, { release });
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), chance.between(0, Math.min(waitMs, 300)));
    return this.locks.acquire(name, { signal: giveUp.signal, release }).finally(() => clearTimeout(timer));
  }

  async #work(lease: RecordedLease, chance: Seeded): Promise<void> {
    const { holdMs, long, longHoldMs, writes, extends: extending } = this.workload;
    if (chance.chance(writes)) await lease.write(this.resource);
    const workMs = chance.chance(long)
      ? chance.between(longHoldMs / 2, longHoldMs)
      : chance.between(0, holdMs);
    if (workMs > 0) await sleep(workMs, undefined, { signal: lease.lease.signal }).catch(() => undefined);
    if (chance.chance(extending)) await lease.lease.extend().catch(() => undefined);
    if (chance.chance(writes)) await lease.write(this.resource);
  }
}
