import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

/** The engine does it; here it is seen that every store lets it. */
export const reentryCases: ContractCases = {
  'who is inside enters again at once with the same token, and the lock is free after the last has left':
    async (bench) => {
      const [locks, other] = [bench.manager(), bench.manager()];
      const tokens: number[] = [];
      await bench.drive(
        locks.using('group:1', async (outer) => {
          const inner = await locks.acquire('group:1');
          tokens.push(outer.fencingToken, inner.fencingToken);
          assert.equal(await outer.release(), 'released');
          assert.equal(await other.tryAcquire('group:1'), null, 'free while one is inside');
          assert.equal(await inner.release(), 'released');
          assert.equal(outer.state, 'released');
        }),
      );
      assert.equal(tokens[0], tokens[1]);
      const next = await bench.drive(other.acquire('group:1'));
      assert.ok(next.fencingToken > (tokens[0] ?? Infinity));
    },

  'siblings inside one lock go one after the other while another process waits for all of them': async (
    bench,
  ) => {
    const [locks, other] = [bench.manager(), bench.manager()];
    const log: string[] = [];
    const sibling = (who: string) =>
      locks.using('group:1', async () => {
        log.push(`${who} in`);
        await Promise.resolve();
        log.push(`${who} out`);
      });
    const outside: Promise<unknown>[] = [];
    const inside = locks.using('group:1', async () => {
      outside.push(other.using('group:1', () => log.push('other process')));
      await Promise.all([sibling('a'), sibling('b')]);
    });
    await bench.drive(inside);
    await bench.drive(Promise.all(outside));
    assert.deepEqual(log, ['a in', 'a out', 'b in', 'b out', 'other process']);
  },
};
