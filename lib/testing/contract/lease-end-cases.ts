import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { LONG_LEASE_MS } from './port-process.js';

export const leaseEndCases: ContractCases = {
  'a lease that is not renewed ends, and another process gets the name': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    await a.take('group:1', { leaseMs: bench.leaseMs });
    await b.findBusy('group:1');
    await bench.advance(bench.leaseMs + 20);
    await b.take('group:1');
  },

  'the holder stops believing before the store gives the name away': async (bench) => {
    const a = await bench.process();
    const sentAtMs = bench.clock.monotonicMs();
    const { deadlineMs, leaseMs } = await a.take('group:1', { leaseMs: 1000 });
    assert.equal(leaseMs, 1000);
    assert.ok(
      deadlineMs < sentAtMs + 1000 + bench.latenessMs,
      `the deadline is ${deadlineMs - sentAtMs} ms after the request`,
    );
    assert.ok(deadlineMs < bench.clock.monotonicMs() + 1000, 'the deadline is later than the lease');
    assert.ok(deadlineMs > sentAtMs, 'there is no deadline');
  },

  'the late release of an old holder is refused and does not touch the new one': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const old = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    const present = await b.take('group:1');
    assert.equal(await a.release(old.hold), 'refused');
    await c.findBusy('group:1');
    assert.equal(await b.renew(present.hold), 'renewed');
    assert.equal(await b.release(present.hold), 'released');
  },

  'the late renewal of an old holder is refused and does not touch the new one': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    const present = await b.take('group:1');
    assert.equal(await a.renew(old.hold), 'lost');
    assert.equal((await b.store.inspect('group:1')).fencingToken, present.hold.fencingToken);
  },

  'a lease that ended is not ours any more, although nobody took the name': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    assert.equal(await a.renew(hold), 'lost');
    assert.equal(await a.release(hold), 'refused');
    assert.equal((await a.store.inspect('group:1')).held, false);
  },

  'renewals keep the name as long as they come in time': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const leaseMs = 3 * bench.leaseMs;
    const { hold } = await a.take('group:1', { leaseMs });
    for (let third = 0; third < 5; third += 1) {
      await bench.advance(bench.leaseMs);
      assert.equal(await a.renew(hold, leaseMs), 'renewed');
      await b.findBusy('group:1');
    }
    await bench.advance(leaseMs + 20);
    await b.take('group:1');
  },

  'a renewal never shortens a lease': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1');
    assert.equal(await a.renew(hold, 1), 'renewed');
    const { remainingMs } = await a.store.inspect('group:1');
    assert.ok(remainingMs !== null && remainingMs > LONG_LEASE_MS / 2, `${String(remainingMs)} ms are left`);
  },

  'many holds are renewed in one call, each with its own answer, in order': async (bench) => {
    const a = await bench.process();
    const kept = [];
    for (const name of ['a', 'b', 'c', 'd']) kept.push((await a.take(name, { leaseMs: LONG_LEASE_MS })).hold);
    await a.release(kept[2]!);
    const outcomes = await a.store.renew(kept.map((hold) => ({ hold, leaseMs: LONG_LEASE_MS })));
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['renewed', 'renewed', 'lost', 'renewed'],
    );
    assert.deepEqual(await a.store.renew([]), []);
  },

  'a renewal that comes after the release does not bring the hold back': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    await a.release(hold);
    assert.equal(await a.renew(hold), 'lost');
    await b.take('group:1');
  },

  'a lease of a manager lasts as long as its work, many times its leaseMs': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager({ leaseMs: 3 * bench.leaseMs })];
    await bench.drive(
      locks.using('group:1', async (lease) => {
        for (let step = 0; step < 7; step += 1) {
          await bench.advance(bench.leaseMs);
          assert.equal(lease.state, 'held');
          await a.findBusy('group:1');
        }
      }),
    );
    await a.take('group:1');
  },
};
