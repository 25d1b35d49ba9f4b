import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { LONG_LEASE_MS } from './port-process.js';

/** A reply gets lost, a client library sends again: every operation may reach the place where locks are kept twice. */
export const repeatCases: ContractCases = {
  'acquire: the same hold with the same fencing token, not a second one': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const ownerToken = a.newToken();
    const first = await a.take('group:1', { ownerToken });
    const second = await a.take('group:1', { ownerToken });
    assert.equal(second.hold.ownerToken, ownerToken);
    assert.equal(second.hold.fencingToken, first.hold.fencingToken);
    assert.ok(second.deadlineMs <= bench.clock.monotonicMs() + LONG_LEASE_MS);
    assert.equal(await a.release(first.hold), 'released');
    await b.take('group:1');
  },

  'acquire in a queue: one place, one grant': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { ownerToken, answer } = await b.queue('group:1');
    await a.release(hold);
    const grant = await bench.drive(answer);
    const again = await b.take('group:1', { ownerToken, wait: true });
    assert.equal(again.hold.fencingToken, grant.hold.fencingToken);
    assert.equal(await c.waiting('group:1'), 0);
    assert.equal(await b.release(grant.hold), 'released');
    await c.take('group:1');
  },

  'acquire: the repeat does not count as one more waiter': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const ownerToken = a.newToken();
    const { hold } = await a.take('group:1', { ownerToken });
    await a.take('group:1', { ownerToken, wait: true });
    assert.equal(await b.waiting('group:1'), 0);
    await a.release(hold);
    await b.take('group:1');
  },

  'release: «released» both times': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1');
    assert.equal(await a.release(hold), 'released');
    assert.equal(await a.release(hold), 'released');
  },

  'release: the repeat does not touch the holder that came next': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { answer } = await b.queue('group:1');
    assert.equal(await a.release(hold), 'released');
    const next = await bench.drive(answer);
    assert.equal(await a.release(hold), 'released');
    await c.findBusy('group:1');
    assert.equal(await b.renew(next.hold), 'renewed');
  },

  'renew: renewed both times, and no longer than asked for': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1', { leaseMs: bench.leaseMs });
    assert.equal(await a.renew(hold, 1000), 'renewed');
    assert.equal(await a.renew(hold, 1000), 'renewed');
    const { remainingMs } = await a.store.inspect('group:1');
    assert.ok(remainingMs !== null && remainingMs <= 1000, `${String(remainingMs)} ms are left`);
  },

  'forceRelease: the repeat finds nobody and does not hurt': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    assert.equal((await b.store.forceRelease('group:1', 'stuck'))?.fencingToken, hold.fencingToken);
    assert.equal(await b.store.forceRelease('group:1', 'stuck'), null);
    await b.take('group:1');
  },

  'cancel: the same token may queue and cancel again, and leaves nothing in the queue': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const ownerToken = b.newToken();
    for (let time = 0; time < 2; time += 1) {
      const queued = await b.queue('group:1', { ownerToken });
      queued.cancel(new Error('gone'));
      queued.cancel(new Error('gone twice'));
      assert.equal((await bench.failure(queued.answer))['message'], 'gone');
      await bench.until(async () => (await a.waiting('group:1')) === 0, 'the place in the queue to be free');
    }
    await a.release(hold);
    assert.equal((await a.store.inspect('group:1')).held, false);
  },
};
