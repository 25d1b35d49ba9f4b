import { type Lease, LockManager, redisStore } from 'nestjs-distributed-lock/engine';

/** So long that nothing is renewed while something else is measured. */
const LEASE_MS = 60_000;
const WARM_UP = 50;

type Options = ConstructorParameters<typeof LockManager>[0];

/** A manager has connections and a place in queues of its own: to the server it is a process. */
export async function openManager(url: string, options: Partial<Options> = {}): Promise<LockManager> {
  const store = redisStore({ url });
  const locks = new LockManager({ leaseMs: LEASE_MS, waitMs: LEASE_MS, drainMs: 0, ...options, store });
  await locks.ready();
  return locks;
}

/** A caller who waits for a name. */
export interface Waiting {
  readonly granted: Promise<Lease>;
  giveUp(): void;
}

/** One process. */
export class Party {
  readonly #waits = new Map<string, () => void>();

  constructor(readonly locks: LockManager) {
    locks.on('waiting', ({ name }) => this.#waits.get(name)?.());
  }

  /** Resolves when the caller is known to wait: the store has said so, or somebody here has it. */
  async wait(name: string, options: { cohortMs?: number } = {}): Promise<Waiting> {
    const giving = new AbortController();
    const known = new Promise<void>((resolve) => this.#waits.set(name, resolve));
    const granted = this.locks.acquire(name, { ...options, signal: giving.signal });
    granted.catch(() => {}); // given up
    await known;
    this.#waits.delete(name);
    return { granted, giveUp: () => giving.abort(new Error('given up')) };
  }
}

/** Two processes that meet. */
export interface Parties {
  readonly ours: Party;
  readonly other: Party;
  close(): Promise<void>;
}

export async function openParties(url: string): Promise<Parties> {
  const both = [await openManager(url), await openManager(url)] as const;
  // Scripts are loaded, code is compiled.
  for (const locks of both) {
    for (let index = 0; index < WARM_UP; index++) await locks.using(`warm-up:${index}`, async () => {});
  }
  return {
    ours: new Party(both[0]),
    other: new Party(both[1]),
    close: async () => void (await Promise.all(both.map((locks) => locks.close()))),
  };
}
