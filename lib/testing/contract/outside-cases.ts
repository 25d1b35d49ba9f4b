import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { KEEP_MS } from './port-process.js';

/** These do not believe the code under test: they look at the place, and damage it, behind its back. */
export const outsideCases: ContractCases = {
  'the stored owner is the holder, then the next holder, then nobody': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    assert.equal(await bench.outside.ownerToken('group:1'), null);
    const { hold } = await a.take('group:1');
    assert.equal(await bench.outside.ownerToken('group:1'), hold.ownerToken);
    const { ownerToken, answer } = await b.queue('group:1');
    await a.release(hold);
    assert.equal(await bench.outside.ownerToken('group:1'), ownerToken);
    await b.release((await bench.drive(answer)).hold);
    assert.equal(await bench.outside.ownerToken('group:1'), null);
  },

  'a refused release and a refused renewal leave the stored owner as it is': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    const { hold } = await b.take('group:1');
    await a.release(old.hold);
    await a.renew(old.hold);
    await a.release(old.hold);
    assert.equal(await bench.outside.ownerToken('group:1'), hold.ownerToken);
  },

  'nothing is left after releases, cancelled waits, force and ended leases': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    for (const name of ['group:1', '{group}:2', 'group/3']) {
      const { hold } = await a.take(name);
      const queued = await b.queue(name);
      queued.cancel(new Error('gone'));
      await bench.failure(queued.answer);
      await a.release(hold);
    }
    await a.take('forced');
    await b.store.forceRelease('forced', 'stuck');
    await a.take('ended', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + KEEP_MS + 250);
    assert.deepEqual(await bench.outside.keys(), []);
  },

  'nothing is left when a process closes with leases and waiters': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    const { hold } = await a.take('group:1');
    const waiter = locks.acquire('group:1').catch(() => undefined);
    await bench.drive(locks.acquire('group:2'));
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue');
    await bench.drive(locks.close());
    await bench.drive(waiter);
    await a.release(hold);
    assert.equal(await bench.outside.ownerToken('group:1'), null);
    assert.equal(await bench.outside.ownerToken('group:2'), null);
    await bench.advance(KEEP_MS + 250);
    assert.deepEqual(await bench.outside.keys(), []);
  },

  'what is refused as bad input leaves no key': async (bench) => {
    const locks = bench.manager();
    await bench.drive(locks.ready());
    await bench.failure(locks.acquire('group:1', { leaseMs: 0 }));
    await bench.failure(locks.acquire('', {}));
    await bench.failure(locks.acquire('group:1', { ttl: 5 } as object));
    assert.deepEqual(await bench.outside.keys(), []);
  },

  'an owner that was overwritten is told by its first renewal, long before its lease would end': async (
    bench,
  ) => {
    const locks = bench.manager({ leaseMs: 3 * bench.leaseMs });
    const lease = await bench.drive(locks.acquire('group:1'));
    const { signal } = lease;
    const beganMs = bench.clock.monotonicMs();
    await bench.outside.overwriteOwner('group:1');
    await bench.until(async () => signal.aborted, 'the signal to abort');
    const tookMs = bench.clock.monotonicMs() - beganMs;
    assert.ok(tookMs < 2 * bench.leaseMs, `told after ${tookMs} ms of a lease of ${3 * bench.leaseMs} ms`);
    assert.equal((signal.reason as { cause: string }).cause, 'taken');
    const owner = await bench.outside.ownerToken('group:1');
    assert.equal(await bench.drive(lease.release()), 'lost');
    assert.equal(await bench.outside.ownerToken('group:1'), owner);
  },

  'work that returns although its lock was overwritten: LOCK_LOST with the result': async (bench) => {
    const locks = bench.manager({ leaseMs: bench.leaseMs });
    const error = await bench.failure(
      locks.using('group:1', async ({ signal }) => {
        await bench.outside.overwriteOwner('group:1');
        await bench.until(async () => signal.aborted, 'the signal to abort');
        return 'written';
      }),
    );
    assert.deepEqual([error['code'], error['result']], ['LOCK_LOST', 'written']);
  },

  'all data lost: the holder learns by its next renewal, and fencing tokens still go up': async (bench) => {
    const [locks, other] = [bench.manager({ leaseMs: bench.leaseMs }), await bench.process()];
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.advance(5);
    await bench.outside.wipe();
    const { hold } = await other.take('group:1');
    assert.ok(hold.fencingToken > lease.fencingToken);
    await bench.until(async () => lease.state === 'lost', 'the holder to be told');
    assert.equal(await other.renew(hold), 'renewed');
  },

  'all data lost: a release is refused, not taken for a clean end': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1');
    await bench.outside.wipe();
    assert.equal(await a.release(hold), 'refused');
  },
};
