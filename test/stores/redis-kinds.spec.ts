import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Lease, LockManager } from '../../lib/index.js';
import { RedisWorkbench } from '../support/redis-workbench.js';
import { Seeded } from '../support/seeded.js';

/** What was granted and not given back, as the process that runs the test sees it. */
class Witness {
  readonly #inside = new Set<{ readonly lease: Lease; readonly weight: number }>();
  readonly problems: string[] = [];
  readonly most = { shared: 0, permits: 0 };
  granted = 0;
  #lastWriterToken = 0;

  async section(lease: Lease, weight: number, work: () => Promise<void>): Promise<void> {
    const entry = { lease, weight };
    this.#inside.add(entry);
    this.granted += 1;
    this.#look(lease);
    await work();
    this.#look(lease);
    this.#inside.delete(entry);
  }

  #look(lease: Lease): void {
    const all = [...this.#inside].filter((one) => one.lease.state === 'held');
    const permits = all.filter(({ weight }) => weight > 0);
    const whole = all.filter(({ lease: { mode }, weight }) => weight === 0 && mode === 'exclusive');
    const shared = all.filter(({ lease: { mode }, weight }) => weight === 0 && mode !== 'exclusive');
    if (whole.length > 0 && all.length > 1) this.problems.push(`a writer beside ${all.length - 1} others`);
    const used = permits.reduce((sum, { weight }) => sum + weight, 0);
    if (used > LIMIT) this.problems.push(`${used} permits of ${LIMIT}`);
    this.most.shared = Math.max(this.most.shared, shared.length);
    this.most.permits = Math.max(this.most.permits, used);
    if (whole[0]?.lease !== lease) return;
    if (lease.fencingToken < this.#lastWriterToken) this.problems.push('a token of a writer fell');
    this.#lastWriterToken = lease.fencingToken;
  }
}

const LIMIT = 3;
const PROCESSES = 3;
const CALLS = 600;

/** Managers with connections of their own are processes to each other. */
describe('kinds of locks through managers on one Redis', () => {
  const bench = new RedisWorkbench();
  beforeAll(() => bench.start());
  afterEach(() => bench.clean());
  afterAll(() => bench.stop());

  it.each([
    ['readers, writers and upgrades', 'rw'],
    ['permits of a limit and whole locks', 'limit'],
  ])(
    '%s never hold a name together that exclude each other, and everybody is served',
    async (_title, name) => {
      const managers: LockManager[] = [];
      for (let i = 0; i < PROCESSES; i++) managers.push(await bench.manager({ cohortMs: i * 5 }));
      const random = new Seeded(name);
      const witness = new Witness();
      const pause = () => new Promise<void>((resolve) => setTimeout(resolve, random.between(0, 2)));
      let upgrades = 0;
      const readOrWrite = async (locks: LockManager) => {
        const mode = random.pick(['shared', 'shared', 'shared', 'upgradeable', 'exclusive'] as const);
        const lease = await locks.acquire(name, { mode, waitMs: 60_000 });
        await witness.section(lease, 0, async () => {
          await pause();
          if (mode !== 'upgradeable' || random.chance(0.5)) return;
          const upgraded = await lease.upgrade({ waitMs: 200 }).then(
            () => true,
            (error: { code: string }) => {
              expect(error.code).toBe('LOCK_BUSY');
              return false;
            },
          );
          if (!upgraded) return;
          upgrades += 1;
          await pause();
          if (random.chance(0.5)) await lease.downgrade();
        });
        expect(await lease.release()).toBe('released');
      };
      const limited = async (locks: LockManager) => {
        const weight = random.chance(0.1) ? 0 : random.between(1, LIMIT);
        const options = weight === 0 ? {} : { limit: LIMIT, weight };
        const lease = await locks.acquire(name, { ...options, waitMs: 60_000 });
        await witness.section(lease, weight, pause);
        expect(await lease.release()).toBe('released');
      };
      const call = name === 'rw' ? readOrWrite : limited;
      const worker = async (locks: LockManager) => {
        for (let i = 0; i < CALLS / (PROCESSES * 5); i++) await call(locks);
      };
      await Promise.all(managers.flatMap((locks) => Array.from({ length: 5 }, () => worker(locks))));
      expect(witness.problems).toEqual([]);
      expect(witness.granted).toBe(CALLS);
      if (name === 'rw') expect([witness.most.shared > 1, upgrades > 0]).toEqual([true, true]);
      else expect(witness.most.permits).toBe(LIMIT);
      for (const locks of managers) expect(locks.held()).toEqual([]);
      expect((await managers[0]!.inspect(name)).held).toBe(false);
    },
    60_000,
  );
});
