import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/index.js';
import { ManualLocks, type ManualManager } from '../support/manual-locks.js';
import { Seeded } from '../support/seeded.js';

const NAMES = ['a', 'b', 'c', 'd', 'é', '\ufffd', '\u{1f512}'];
const MANAGERS = 4;
const CALLERS = 6;
const ROUNDS = 12;
const RUNS = 30;
/** Far more than all sections of a run take. */
const PATIENCE_MS = 600_000;

/** What must never be zero, or a run proves little. */
interface Seen {
  sections: number;
  several: number;
  busy: number;
  left: number;
  waited: number;
  nested: number;
}

/** Who holds what: no two one name. */
class Ledger {
  readonly #holders = new Map<string, string>();
  readonly #tokens = new Map<string, number>();
  readonly faults: string[] = [];

  enter(who: string, lease: Lease): void {
    for (const [name, token] of lease.fencingTokens) {
      const holder = this.#holders.get(name);
      if (holder !== undefined) this.faults.push(`${who} has ${name} beside ${holder}`);
      if (token <= (this.#tokens.get(name) ?? 0))
        this.faults.push(`${who}: token ${token} of ${name} is old`);
      this.#holders.set(name, who);
      this.#tokens.set(name, token);
    }
    if (lease.state !== 'held') this.faults.push(`${who} has a lease that is ${lease.state}`);
  }

  leave(lease: Lease): void {
    for (const name of lease.names) this.#holders.delete(name);
  }
}

class Run {
  readonly #process = new ManualLocks();
  readonly #managers: ManualManager[];
  readonly ledger = new Ledger();

  constructor(
    private readonly seed: string,
    private readonly seen: Seen,
  ) {
    const chance = new Seeded(seed);
    this.#managers = Array.from({ length: MANAGERS }, () =>
      this.#process.open({ cohortMs: chance.pick([0, 1, 10]), leaseMs: 20_000 }),
    );
  }

  /** What was wrong; a deadlock is seen as callers who never come to their end. */
  async play(): Promise<string[]> {
    const unfinished = new Set<string>();
    const callers = this.#managers.flatMap((locks, m) =>
      Array.from({ length: CALLERS }, async (_, c) => {
        const who = `${m}.${c}`;
        unfinished.add(who);
        const chance = new Seeded(`${this.seed}/${who}`);
        for (let round = 0; round < ROUNDS; round++) await this.#round(locks, who, chance);
        unfinished.delete(who);
      }),
    );
    const through = Promise.all(callers);
    const { clock } = this.#process;
    for (let ms = 0; unfinished.size > 0 && ms < PATIENCE_MS; ms += 10) await clock.advanceAsync(10);
    if (unfinished.size > 0) return [`never served: ${[...unfinished].join(', ')}`];
    await through;
    await clock.advanceAsync(0);
    const left = this.#managers.flatMap((locks) => locks.held().map(({ name }) => `${name} is still held`));
    for (const name of NAMES) if (await this.#managers[0]!.isLocked(name)) left.push(`${name} is locked`);
    return [...this.ledger.faults, ...left];
  }

  async #round(locks: ManualManager, who: string, chance: Seeded): Promise<void> {
    const count = chance.between(1, 4);
    const names = Array.from({ length: count }, () => chance.pick(NAMES)); // in any order, some twice
    const what = chance.fraction();
    await this.#sleep(chance.between(0, 3));
    if (what < 0.2) {
      const tried = await locks.tryUsing(names, (lease) => this.#section({ who, lease, locks, chance }));
      if (!tried.acquired) this.seen.busy += 1;
    } else if (what < 0.35) {
      const stop = new AbortController();
      const signal = stop.signal;
      this.#process.clock.setTimer(chance.between(0, 10), () => stop.abort('left'));
      await locks
        .using(names, (lease) => this.#section({ who, lease, locks, chance }), { signal })
        .catch((error) => {
          if (error !== 'left') this.ledger.faults.push(`${who}: ${String(error)}`);
          this.seen.left += 1;
        });
    } else {
      await locks.using(names, (lease) => this.#section({ who, lease, locks, chance }), { waitMs: Infinity });
    }
  }

  async #section({ who, lease, locks, chance }: Section): Promise<void> {
    const { seen, ledger } = this;
    ledger.enter(who, lease);
    seen.sections += 1;
    if (lease.names.length > 1) seen.several += 1;
    if (lease.waitedMs > 0) seen.waited += 1;
    if (chance.chance(0.2)) {
      await locks.using(lease.names, () => void (seen.nested += 1));
    }
    await this.#sleep(chance.between(0, 2));
    ledger.leave(lease);
  }

  #sleep(ms: number): Promise<void> {
    if (ms === 0) return new Promise((resolve) => void setImmediate(resolve));
    return new Promise((resolve) => void this.#process.clock.setTimer(ms, resolve));
  }
}

interface Section {
  readonly who: string;
  readonly lease: Lease;
  readonly locks: ManualManager;
  readonly chance: Seeded;
}

describe('many who take overlapping lists of names in any order', () => {
  const seen: Seen = { sections: 0, several: 0, busy: 0, left: 0, waited: 0, nested: 0 };

  it.each(Array.from({ length: RUNS }, (_, run) => `seed ${run + 1}`))(
    'never hold one name together, leave nothing held, and are all served: %s',
    async (seed) => {
      expect(await new Run(seed, seen).play()).toEqual([]);
    },
  );

  it('and all of it happened often enough', () => {
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(200);
    expect(seen.several).toBeGreaterThan(3_000);
  });
});
