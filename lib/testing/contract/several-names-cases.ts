import assert from 'node:assert/strict';
import type { LockManager } from '../../lock-manager.js';
import type { ContractBench, ContractCases } from './contract-bench.js';
import { lookedAtLater } from './port-process.js';

/** Which of these names nobody holds. */
async function free(bench: ContractBench, locks: LockManager, ...names: string[]): Promise<string[]> {
  const held = await bench.drive(Promise.all(names.map((name) => locks.isLocked(name))));
  return names.filter((_, at) => !held[at]);
}

/** What a release on its way frees. */
async function untilFree(bench: ContractBench, locks: LockManager, ...names: string[]): Promise<void> {
  const areFree = async () =>
    (await Promise.all(names.map((name) => locks.isLocked(name)))).every((held) => !held);
  await bench.until(areFree, `${names.join(', ')} to be free`);
}

export const severalNamesCases: ContractCases = {
  'all or none: who finds one of them held is told which, and holds none': async (bench) => {
    const [a, b] = [bench.manager(), bench.manager()];
    const held = await bench.drive(a.acquire('name:2'));
    assert.equal(await bench.drive(b.tryAcquire(['name:3', 'name:1', 'name:2'])), null);
    assert.deepEqual(await free(bench, a, 'name:1', 'name:2', 'name:3'), ['name:1', 'name:3']);
    const { code, lockName } = await bench.failure(b.acquire(['name:2', 'name:1'], { waitMs: 0 }));
    assert.deepEqual([code, lockName], ['LOCK_BUSY', 'name:2']);
    await bench.drive(held.release());
    const lease = await bench.drive(b.tryAcquire(['name:3', 'name:1', 'name:2']));
    assert.deepEqual(lease?.names, ['name:1', 'name:2', 'name:3']);
    assert.deepEqual(await free(bench, a, 'name:1', 'name:2', 'name:3'), []);
  },

  'who waits holds only those before the one it waits for, in the order of bytes': async (bench) => {
    const [a, b] = [bench.manager(), bench.manager()];
    const held = await bench.drive(a.acquire('\ufffd'));
    const waiting = lookedAtLater(b.acquire(['\u{1f512}', '\ufffd', 'z']));
    await bench.until(async () => (await a.inspect('\ufffd')).waitingProcesses === 1, 'a place in the queue');
    await untilFree(bench, a, '\u{1f512}');
    assert.deepEqual(await free(bench, a, 'z', '\u{1f512}'), ['\u{1f512}']);
    await bench.drive(held.release());
    assert.equal((await bench.drive(waiting)).state, 'held');
  },

  'those who take the same names in opposite order do not wait for each other, and lose no update': async (
    bench,
  ) => {
    const managers = [bench.manager(), bench.manager(), bench.manager()];
    let [inside, sum] = [0, 0];
    const add = async () => {
      assert.equal(++inside, 1, 'two sections ran at once');
      const seen = sum;
      await bench.pause();
      sum = seen + 1;
      inside -= 1;
    };
    const lists = [['name:1', 'name:2', 'name:3'], ['name:3', 'name:2'], ['name:2', 'name:1'], ['name:2']];
    const calls = managers.flatMap((locks) =>
      Array.from({ length: 12 }, (_, n) => locks.using(lists[n % lists.length]!, add, { waitMs: 60_000 })),
    );
    await bench.drive(Promise.all(calls));
    assert.equal(sum, 36);
    await untilFree(bench, managers[0]!, 'name:1', 'name:2', 'name:3');
  },

  'one lease has a token for each name, above the last one of that name': async (bench) => {
    const [a, b] = [bench.manager(), bench.manager()];
    const names = ['name:1', 'name:2'];
    let last = new Map<string, number>();
    for (const locks of [a, b, a]) {
      last = await bench.drive(
        locks.using(names, ({ fencingTokens }) => {
          for (const name of names) assert.ok(fencingTokens.get(name)! > (last.get(name) ?? 0), name);
          return new Map(fencingTokens);
        }),
      );
    }
    const { fencingToken } = await bench.drive(b.acquire('name:2'));
    assert.ok(fencingToken > last.get('name:2')!);
  },

  'the loss of one is the loss of all; what is still held stays so until the work has ended': async (
    bench,
  ) => {
    const [a, b] = [bench.manager(), bench.manager()];
    const work = a.using(['name:1', 'name:2'], async (lease) => {
      await bench.drive(b.forceRelease('name:1', 'an operator'));
      await bench.until(async () => lease.signal.aborted, 'the signal to abort');
      assert.equal(lease.state, 'lost');
      assert.deepEqual(await free(bench, b, 'name:1', 'name:2'), ['name:1']);
      return 'written';
    });
    const { code, lockName, result } = await bench.failure(work);
    assert.deepEqual([code, lockName, result], ['LOCK_LOST', 'name:1', 'written']);
    await untilFree(bench, b, 'name:1', 'name:2');
  },

  'a wait that ends by waitMs, by its signal or by closing leaves nothing locked': async (bench) => {
    const [a, b, c] = [bench.manager(), bench.manager(), bench.manager()];
    await b.ready(); // the wait is for the locks, not for a connection
    await bench.drive(a.acquire('name:2'));
    const names = ['name:1', 'name:2', 'name:3'];
    assert.equal((await bench.failure(b.acquire(names, { waitMs: 50 }))).code, 'LOCK_BUSY');
    await untilFree(bench, a, 'name:1', 'name:3');
    const stop = new AbortController();
    const left = lookedAtLater(b.acquire(names, { signal: stop.signal }));
    await bench.until(async () => (await a.inspect('name:2')).waitingProcesses === 1, 'a place in the queue');
    stop.abort(new Error('changed my mind'));
    assert.equal((await bench.failure(left)).message, 'changed my mind');
    await untilFree(bench, a, 'name:1', 'name:3');
    const closed = lookedAtLater(c.acquire(names));
    await bench.until(async () => (await a.inspect('name:2')).waitingProcesses === 1, 'a place in the queue');
    await bench.drive(c.close());
    assert.equal((await bench.failure(closed)).code, 'LOCK_CLOSED');
    await untilFree(bench, a, 'name:1', 'name:3');
  },

  'a hundred names are one lease, which renews, extends and ends as one': async (bench) => {
    const locks = bench.manager({ leaseMs: 3 * bench.leaseMs });
    const names = Array.from({ length: 100 }, (_, n) => `name:${n}`);
    const lease = await bench.drive(locks.acquire(names));
    await bench.advance(4 * bench.leaseMs);
    await bench.drive(lease.extend(60_000));
    assert.equal(lease.state, 'held');
    assert.ok(lease.remainingMs() > 50_000);
    assert.equal(locks.held().length, 100);
    assert.equal(await bench.drive(lease.release()), 'released');
    assert.deepEqual(locks.held(), []);
    assert.equal((await free(bench, locks, ...names)).length, 100);
  },
};
