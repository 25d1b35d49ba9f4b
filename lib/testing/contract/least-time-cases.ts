import assert from 'node:assert/strict';
import type { Hold } from '../../stores/lock-store.js';
import type { ContractBench, ContractCases } from './contract-bench.js';

/** Its lease is in its caller's hands. */
function atLeast(hold: Hold, minHoldMs: number): Hold {
  hold.minHoldMs = minHoldMs;
  return hold;
}

/** A least time of `ms`, and by how much the name may be free later than that. */
function inTime(bench: ContractBench, grantedMs: number, ms: number): void {
  const passedMs = bench.clock.monotonicMs() - grantedMs;
  assert.ok(
    passedMs >= ms - 1,
    `free ${passedMs} ms after the grant, which is before its least time of ${ms} ms`,
  );
  assert.ok(
    passedMs <= ms + 300 + bench.latenessMs,
    `free only ${passedMs} ms after the grant, with a least time of ${ms} ms`,
  );
}

export const leastTimeCases: ContractCases = {
  'a release before its least time is over leaves the name taken for the rest of it, by nobody': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    const minHoldMs = 2 * bench.leaseMs;
    const grantedMs = bench.clock.monotonicMs();
    const { hold } = await a.take('group:1', { label: 'nightly' });
    assert.equal(await a.release(atLeast(hold, minHoldMs)), 'released');
    await b.findBusy('group:1');
    const { held, label, remainingMs } = await b.store.inspect('group:1');
    assert.deepEqual({ held, label }, { held: true, label: 'nightly' });
    assert.ok((remainingMs ?? Infinity) <= minHoldMs, `taken for ${remainingMs} ms`);
    assert.equal(await a.renew(hold), 'lost');
    await bench.until(async () => !(await b.store.inspect('group:1')).held, 'the name to be free');
    inTime(bench, grantedMs, minHoldMs);
    assert.ok((await b.take('group:1')).hold.fencingToken > hold.fencingToken);
  },

  'it counts from the grant: a later release frees the name at once': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    await bench.advance(bench.leaseMs);
    assert.equal(await a.release(atLeast(hold, bench.leaseMs)), 'released');
    await b.take('group:1');
  },

  'such a release that is repeated is released once, and does not begin anew': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const grantedMs = bench.clock.monotonicMs();
    atLeast(hold, 2 * bench.leaseMs);
    assert.equal(await a.release(hold), 'released');
    await bench.advance(bench.leaseMs / 2);
    assert.equal(await a.release(hold), 'released');
    await b.findBusy('group:1');
    await bench.until(async () => !(await b.store.inspect('group:1')).held, 'the name to be free');
    inTime(bench, grantedMs, 2 * bench.leaseMs - bench.latenessMs);
  },

  'who is queued behind it is served when the least time is over, long before the lease would have ended':
    async (bench) => {
      const [a, b] = await bench.fourProcesses();
      const grantedMs = bench.clock.monotonicMs();
      const { hold } = await a.take('group:1', { leaseMs: 60_000 });
      const waiting = await b.queue('group:1');
      await a.release(atLeast(hold, 2 * bench.leaseMs));
      const next = await bench.drive(waiting.answer);
      inTime(bench, grantedMs, 2 * bench.leaseMs);
      assert.ok(next.hold.fencingToken > hold.fencingToken);
      assert.equal(await b.release(next.hold), 'released');
    },

  'it may be ended by force, and no token is given twice': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    hold.lastFencingToken = hold.fencingToken;
    await a.release(atLeast(hold, 60_000));
    const forced = await b.store.forceRelease('group:1', 'by hand');
    assert.equal(forced?.fencingToken, hold.fencingToken);
    assert.ok((await b.take('group:1')).hold.fencingToken > hold.fencingToken);
  },

  'a reader keeps its share so long: writers wait, readers come in': async (bench) => {
    if (!(await bench.offers(({ capabilities }) => capabilities.modes.includes('shared')))) return;
    const [a, b, c] = await bench.fourProcesses();
    const grantedMs = bench.clock.monotonicMs();
    const one = await a.take('group:1', { mode: 'shared' });
    const two = await b.take('group:1', { mode: 'shared' });
    assert.equal(await a.release(atLeast(one.hold, 2 * bench.leaseMs)), 'released');
    assert.equal(await a.release(one.hold), 'released');
    assert.equal(await b.release(two.hold), 'released');
    assert.equal((await c.store.inspect('group:1')).holders?.length, 1);
    const three = await c.take('group:1', { mode: 'shared' });
    await c.release(three.hold);
    const writing = await b.queue('group:1');
    await bench.drive(writing.answer);
    inTime(bench, grantedMs, 2 * bench.leaseMs);
  },

  'a permit stays taken so long': async (bench) => {
    if (!(await bench.offers(({ capabilities }) => capabilities.limits === true))) return;
    const [a, b] = await bench.fourProcesses();
    const limit = { limit: 3 };
    const { hold } = await a.take('group:1', { ...limit, weight: 2 });
    await a.release(atLeast(hold, bench.leaseMs));
    await b.findBusy('group:1', { ...limit, weight: 2 });
    await b.take('group:1', limit);
    await bench.advance(bench.leaseMs + 50);
    await b.take('group:1', { ...limit, weight: 2 });
  },

  'a caller who is done leaves the rest, and the next one of its process waits for it as everybody does':
    async (bench) => {
      const locks = bench.manager();
      const minHoldMs = 2 * bench.leaseMs;
      const grantedMs = bench.clock.monotonicMs();
      await bench.drive(locks.using('group:1', () => undefined, { minHoldMs }));
      assert.deepEqual(locks.held(), []);
      assert.equal(await bench.drive(locks.tryAcquire('group:1')), null);
      const next = await bench.drive(locks.acquire('group:1'));
      inTime(bench, grantedMs, minHoldMs);
      await bench.drive(next.release());
      assert.equal(await bench.drive(locks.isLocked('group:1')), false);
    },

  'a manager that closes leaves the rest, too': async (bench) => {
    const [locks, other] = [bench.manager(), await bench.process()];
    await bench.drive(locks.acquire('group:1', { minHoldMs: 2 * bench.leaseMs }));
    await bench.drive(locks.close());
    await other.findBusy('group:1');
    await bench.advance(2 * bench.leaseMs + 20);
    await other.take('group:1');
  },

  'what never was in a caller’s hands is free at once: of several names that could not be had together':
    async (bench) => {
      const [locks, other] = [bench.manager(), await bench.process()];
      await other.take('b');
      assert.equal(await bench.drive(locks.tryAcquire(['a', 'b'], { minHoldMs: 10_000 })), null);
      await other.take('a');
    },
};
