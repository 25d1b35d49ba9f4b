import assert from 'node:assert/strict';
import type { Lease } from '../../holding/lease.js';
import type { ContractBench, ContractCases } from './contract-bench.js';
import { lookedAtLater } from './port-process.js';

const LAYERS = { layers: true } as const;
const AT_ONCE = { ...LAYERS, waitMs: 0 } as const;

/** Two processes that use layers. */
function two(bench: ContractBench) {
  return [bench.manager(LAYERS), bench.manager(LAYERS)] as const;
}

function end(bench: ContractBench, ...leases: Lease[]) {
  return bench.drive(Promise.all(leases.map((lease) => lease.release())));
}

export const layersCases: ContractCases = {
  'a lock excludes every lock below it, and a lock below excludes it, in whatever process': async (bench) => {
    const [a, b] = two(bench);
    const whole = await bench.drive(a.acquire('group:1'));
    for (const name of ['group:1', 'group:1/thread:1', 'group:1/thread:1/message:1'])
      for (const locks of [a, b]) assert.equal(await bench.drive(locks.tryAcquire(name)), null, name);
    await end(bench, whole);
    const part = await bench.drive(a.acquire('group:1/thread:1/message:1'));
    for (const name of ['group:1', 'group:1/thread:1', 'group:1/thread:1/message:1'])
      for (const locks of [a, b]) assert.equal(await bench.drive(locks.tryAcquire(name)), null, name);
    await end(bench, part);
    await end(bench, await bench.drive(b.acquire('group:1')));
  },

  'locks beside each other do not exclude each other, and a root that begins alike is another root': async (
    bench,
  ) => {
    const [a, b] = two(bench);
    const names = ['group:1/thread:1', 'group:1/thread:2', 'group:1/thread:10', 'group:10', 'group:10!'];
    const leases = await bench.drive(
      Promise.all(names.map((name, at) => [a, b][at % 2]!.acquire(name, AT_ONCE))),
    );
    assert.deepEqual(
      leases.map(({ name }) => name),
      names,
    );
    await end(bench, ...leases);
  },

  'shared above and shared below go together; what is not shared below waits for the readers of the whole':
    async (bench) => {
      const [a, b] = two(bench);
      const reader = await bench.drive(a.acquire('group:1', { mode: 'shared' }));
      const below = await bench.drive(b.acquire('group:1/thread:1', { ...AT_ONCE, mode: 'shared' }));
      assert.equal(await bench.drive(b.tryAcquire('group:1/thread:2')), null);
      const writing = lookedAtLater(b.acquire('group:1/thread:2'));
      await bench.until(async () => (await a.inspect('group:1')).waitingProcesses === 1, 'a place above');
      await end(bench, reader);
      const writer = await bench.drive(writing);
      assert.equal(await bench.drive(a.tryAcquire('group:1', { mode: 'shared' })), null);
      assert.equal(await bench.drive(a.tryAcquire('group:1/thread:1', { mode: 'exclusive' })), null);
      await end(bench, writer, below);
    },

  'a token is above those that were granted before on its path, above and below': async (bench) => {
    const [a, b] = two(bench);
    const tokens: number[] = [];
    const names = ['g', 'g/t/m', 'g/t', 'g', 'g/t/m', 'g/t/m', 'g', 'g/t', 'g/t/m', 'g'];
    for (const [at, name] of names.entries()) {
      const lease = await bench.drive([a, b][at % 2]!.acquire(name));
      tokens.push(lease.fencingToken);
      await end(bench, lease);
    }
    for (const [at, token] of tokens.entries()) assert.ok(at === 0 || token > tokens[at - 1]!, tokens.join());
  },

  'by force: the end of the whole ends what is below, and the next token is above': async (bench) => {
    const [a, b] = two(bench);
    const part = await bench.drive(a.acquire('group:1/thread:1'));
    assert.equal((await bench.drive(b.inspect('group:1'))).mode, 'intention-exclusive');
    const forced = await bench.drive(b.forceRelease('group:1', 'stuck'));
    assert.notEqual(forced, null);
    await bench.until(async () => part.state === 'lost', 'the one below to be lost');
    assert.equal(part.signal.aborted, true);
    const whole = await bench.drive(b.acquire('group:1'));
    assert.ok(whole.fencingToken > part.fencingToken);
    await end(bench, part, whole);
  },

  'a wait that is given up leaves nothing held above': async (bench) => {
    const [a, b] = two(bench);
    const held = await bench.drive(a.acquire('group:1/thread:1'));
    const { code, lockName } = await bench.failure(b.acquire('group:1/thread:1', { waitMs: 50 }));
    assert.deepEqual([code, lockName], ['LOCK_BUSY', 'group:1/thread:1']);
    await end(bench, held);
    await bench.until(async () => !(await a.isLocked('group:1')), 'the whole to be free');
  },

  'nested: from inside of the whole what is below is taken, and more of the whole from below is refused':
    async (bench) => {
      const [a, b] = two(bench);
      await bench.drive(
        a.using('group:1', async () => {
          const both = ['group:1/thread:1', 'group:1/thread:2'].map((name) => a.using(name, () => name));
          assert.deepEqual(await Promise.all(both), ['group:1/thread:1', 'group:1/thread:2']);
        }),
      );
      await bench.drive(
        a.using('group:1/thread:1', async () => {
          const { code } = await bench.failure(a.acquire('group:1'));
          assert.equal(code, 'LOCK_REENTRANT');
          await a.using('group:1/thread:1', () => undefined);
        }),
      );
      await end(bench, await bench.drive(b.acquire('group:1', AT_ONCE)));
    },

  'a list holds each name and what is above it, and one mode each': async (bench) => {
    const [a, b] = two(bench);
    const lease = await bench.drive(a.acquire(['group:1/thread:2', 'group:1/thread:1', 'group:2']));
    assert.deepEqual(lease.names, ['group:1/thread:1', 'group:1/thread:2', 'group:2']);
    assert.deepEqual([...lease.fencingTokens.keys()], lease.names);
    assert.equal(await bench.drive(b.tryAcquire('group:1')), null);
    await end(bench, lease);
    const mixed = [{ name: 'group:1', mode: 'shared' }, 'group:1/thread:1'] as const;
    const { code } = await bench.failure(a.acquire(mixed));
    assert.equal(code, 'LOCK_OPTIONS_INVALID');
    assert.equal(await bench.drive(b.isLocked('group:1')), false);
  },

  'who does not say layers sees only the very name': async (bench) => {
    const [a] = two(bench);
    const plain = bench.manager();
    const part = await bench.drive(a.acquire('group:1/thread:1'));
    assert.equal(await bench.drive(plain.tryAcquire('group:1/thread:1')), null);
    const beside = await bench.drive(plain.acquire('group:1/thread:2', { waitMs: 0 }));
    assert.equal(await bench.drive(plain.tryAcquire('group:1')), null); // the very name is held, as an ancestor
    await end(bench, part, beside);
  },

  'a name with an empty level is refused, and nothing is locked': async (bench) => {
    const [a, b] = two(bench);
    for (const name of ['group:1//x', '/group:1', 'group:1/', `g${'/x'.repeat(16)}`]) {
      const { code } = await bench.failure(a.acquire(name));
      assert.equal(code, 'LOCK_NAME_INVALID', name);
    }
    assert.equal(await bench.drive(b.isLocked('group:1')), false);
  },
};
