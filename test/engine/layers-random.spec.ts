import { describe, expect, it } from '@jest/globals';
import type { Lease, LockMode } from '../../lib/index.js';
import { pause } from '../../lib/runtime/clock.js';
import { ManualLocks, type ManualManager } from '../support/manual-locks.js';
import { Seeded } from '../support/seeded.js';

const NAMES = ['g', 'g/a', 'g/a/1', 'g/a/2', 'g/b', 'g/b/1', 'h', 'h/a'];
const MODES: readonly LockMode[] = ['exclusive', 'exclusive', 'shared', 'shared', 'upgradeable'];
const MANAGERS = 3;
const CALLERS = 6;
const ROUNDS = 14;
const RUNS = 30;
const PATIENCE_MS = 600_000;

/** What must never be zero, or a run proves little. */
const seen = { sections: 0, whole: 0, parts: 0, together: 0, busy: 0, waited: 0, upgraded: 0, lists: 0 };

interface Held {
  readonly who: string;
  readonly name: string;
  mode: LockMode;
}

/** Is one of them the other, or above it? */
function areKin(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** Written without the product's table: two may be inside at once only where both read; and an upgradeable one is alone among its like. */
function exclude(a: Held, b: Held): boolean {
  if (!areKin(a.name, b.name)) return false;
  if (a.mode === 'exclusive' || b.mode === 'exclusive') return true;
  const upgradeable = [a, b].filter(({ mode }) => mode === 'upgradeable');
  if (a.name === b.name) return upgradeable.length > 1;
  // One below may become exclusive: nobody may read all of it meanwhile.
  const below = a.name.length > b.name.length ? a : b;
  return below.mode === 'upgradeable';
}

class Ledger {
  readonly #inside = new Set<Held>();
  /** The highest that was granted for each name, of those who wrote, and of all. */
  readonly #written = new Map<string, number>();
  readonly #granted = new Map<string, number>();
  readonly faults: string[] = [];

  enter(held: Held, token: number): void {
    for (const other of this.#inside) {
      if (exclude(held, other)) this.faults.push(`${describeHeld(held)} beside ${describeHeld(other)}`);
      else if (areKin(held.name, other.name)) seen.together += 1;
    }
    this.#inside.add(held);
    this.token(held, token);
  }

  token({ who, name, mode }: Held, token: number): void {
    const known = mode === 'exclusive' ? this.#granted : this.#written;
    for (const other of NAMES) {
      if (areKin(name, other) && token <= (known.get(other) ?? 0))
        this.faults.push(
          `${who}: token ${token} of ${name} (${mode}) is not above ${known.get(other)} of ${other}`,
        );
    }
    this.#granted.set(name, Math.max(token, this.#granted.get(name) ?? 0));
    if (mode === 'exclusive') this.#written.set(name, token);
  }

  leave(held: Held): void {
    this.#inside.delete(held);
  }
}

function describeHeld({ who, name, mode }: Held): string {
  return `${who} in ${name} (${mode})`;
}

class Run {
  readonly #process = new ManualLocks();
  readonly ledger = new Ledger();

  constructor(private readonly seed: string) {}

  /** What was wrong; a deadlock is seen as callers who never come to their end. */
  async play(): Promise<string[]> {
    const chance = new Seeded(this.seed);
    const managers = Array.from({ length: MANAGERS }, () =>
      this.#process.open({ cohortMs: chance.pick([0, 1, 10]), leaseMs: 20_000, layers: true }),
    );
    const unfinished = new Set<string>();
    const callers = managers.flatMap((locks, m) =>
      Array.from({ length: CALLERS }, async (_, c) => {
        const who = `${m}.${c}`;
        unfinished.add(who);
        const own = new Seeded(`${this.seed}/${who}`);
        for (let round = 0; round < ROUNDS; round++) await this.#round(locks, who, own);
        unfinished.delete(who);
      }),
    );
    const through = Promise.all(callers);
    const { clock } = this.#process;
    for (let ms = 0; unfinished.size > 0 && ms < PATIENCE_MS; ms += 10) await clock.advanceAsync(10);
    if (unfinished.size > 0) return [`never served: ${[...unfinished].join(', ')}`, ...this.ledger.faults];
    await through;
    await clock.advanceAsync(0);
    const left = managers.flatMap((locks) => locks.held().map(({ name }) => `${name} is still held`));
    for (const locks of managers) await locks.close();
    return [...this.ledger.faults, ...left];
  }

  async #round(locks: ManualManager, who: string, chance: Seeded): Promise<void> {
    const name = chance.pick(NAMES);
    const mode = chance.pick(MODES);
    const names = mode === 'exclusive' && chance.chance(0.2) ? [name, chance.pick(NAMES)] : name;
    if (chance.chance(0.3)) {
      const lease = await locks.tryAcquire(names, { mode });
      if (lease === null) seen.busy += 1;
      else await this.#section(lease, { who, mode }, chance);
      return;
    }
    const lease = await locks.acquire(names, { mode, waitMs: PATIENCE_MS });
    if (lease.waitedMs > 0) seen.waited += 1;
    await this.#section(lease, { who, mode }, chance);
  }

  async #section(lease: Lease, { who, mode }: Pick<Held, 'who' | 'mode'>, chance: Seeded): Promise<void> {
    const all = lease.names.map((name): Held => ({ who, name, mode }));
    // Of a list with a whole and its part the part is held by the whole.
    const held = all.filter(({ name }) => !all.some((other) => name.startsWith(`${other.name}/`)));
    for (const each of held) this.ledger.enter(each, lease.fencingTokens.get(each.name) ?? 0);
    seen.sections += 1;
    if (held.some(({ name }) => !name.includes('/'))) seen.whole += 1;
    else seen.parts += 1;
    if (all.length > 1) seen.lists += 1;
    const { clock } = this.#process;
    await pause(clock, chance.pick([0, 1, 3]));
    const [only] = held;
    if (mode === 'upgradeable' && only !== undefined && chance.chance(0.5)) {
      const upgraded = await lease.upgrade({ waitMs: 50 }).then(
        () => true,
        () => false,
      );
      if (upgraded) {
        seen.upgraded += 1;
        this.ledger.leave(only);
        only.mode = 'exclusive';
        this.ledger.enter(only, lease.fencingToken);
        await pause(clock, 1);
      }
    }
    if (lease.state !== 'held') this.ledger.faults.push(`${who} has a lease that is ${lease.state}`);
    for (const each of held) this.ledger.leave(each);
    await lease.release();
  }
}

describe('layers at random', () => {
  it(`${RUNS} runs of ${MANAGERS} processes: nobody inside with its kin, tokens rise along every path, everybody is served`, async () => {
    for (let run = 0; run < RUNS; run++) {
      const faults = await new Run(`layers-${run}`).play();
      expect({ run, faults: faults.slice(0, 5) }).toEqual({ run, faults: [] });
    }
    expect(Object.entries(seen).filter(([, count]) => count === 0)).toEqual([]);
  }, 120_000);
});
