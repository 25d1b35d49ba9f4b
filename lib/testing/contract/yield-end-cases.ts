import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

/** What becomes of a place that was taken by a yield, and of a hold that was lost before it. */
export const yieldEndCases: ContractCases = {
  'our new place is served when the next holder’s lease ends without a release': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1', { leaseMs: bench.leaseMs });
    const again = await a.yield(hold);
    await bench.drive(next.answer);
    assert.equal((await bench.drive(again.answer)).hold.ownerToken, again.ownerToken);
    assert.equal(await b.renew((await next.answer).hold), 'lost');
  },

  'our new place is served when the next holder is ended by force': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1');
    const again = await a.yield(hold);
    await bench.drive(next.answer);
    await c.store.forceRelease('group:1', 'stuck');
    assert.equal((await bench.drive(again.answer)).hold.ownerToken, again.ownerToken);
  },

  'after a yield the old owner token means nothing: it can neither renew, nor end or yield what others hold':
    async (bench) => {
      const [a, b, c] = await bench.fourProcesses();
      const { hold } = await a.take('group:1');
      const next = await b.queue('group:1');
      const again = await a.yield(hold);
      const present = await bench.drive(next.answer);
      assert.equal(await a.renew(hold), 'lost');
      assert.equal(await a.release(hold), 'released'); // it ended cleanly before
      await c.findBusy('group:1');
      assert.equal(await b.renew(present.hold), 'renewed');
      assert.equal(await a.waiting('group:1'), 1);
      await b.release(present.hold);
      assert.equal((await bench.drive(again.answer)).hold.ownerToken, again.ownerToken);
    },

  'a hold whose lease ended is refused, although nobody took the name, and leaves no place in the queue':
    async (bench) => {
      const [a, b] = await bench.fourProcesses();
      const { hold } = await a.take('group:1', { leaseMs: bench.leaseMs });
      await bench.advance(bench.leaseMs + 20);
      await a.findLost(hold);
      assert.deepEqual([await a.waiting('group:1'), (await a.store.inspect('group:1')).held], [0, false]);
      await b.take('group:1');
    },

  'a hold that somebody else has by now is refused, and the present holder is not disturbed': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    const present = await b.take('group:1');
    await c.queue('group:1');
    await a.findLost(hold);
    assert.equal(await a.waiting('group:1'), 1);
    assert.equal((await c.store.inspect('group:1')).fencingToken, present.hold.fencingToken);
    assert.equal(await b.renew(present.hold), 'renewed');
  },

  'a hold that was ended by force is refused': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const [free, passed] = [(await a.take('group:1')).hold, (await a.take('group:2')).hold];
    const next = await b.queue('group:2');
    await c.store.forceRelease('group:1', 'stuck');
    await c.store.forceRelease('group:2', 'stuck');
    const present = await bench.drive(next.answer);
    await a.findLost(free);
    await a.findLost(passed);
    assert.deepEqual([await c.waiting('group:1'), await c.waiting('group:2')], [0, 0]);
    assert.equal(await b.renew(present.hold), 'renewed');
  },

  'an abort of the new wait: the place goes, and leaves nothing behind': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1');
    const again = await a.yield(hold);
    const present = await bench.drive(next.answer);
    const reason = new Error('the client went away');
    again.cancel(reason);
    assert.equal(await bench.failure(again.answer), reason);
    await bench.until(async () => (await c.waiting('group:1')) === 0, 'the place in the queue to be free');
    assert.equal(await b.release(present.hold), 'released');
    await c.take('group:1');
  },

  'a signal that is aborted before the call ends the new wait only: the name goes to the next': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1');
    const reason = new Error('too late');
    const again = await a.yield(hold, { signal: AbortSignal.abort(reason) });
    assert.equal(await bench.failure(again.answer), reason);
    const present = await bench.drive(next.answer);
    await bench.until(async () => (await c.waiting('group:1')) === 0, 'the place in the queue to be free');
    assert.equal(await b.release(present.hold), 'released');
    await c.take('group:1');
  },

  'a grant that crosses the abort of the new wait is never kept by nobody': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    for (let round = 0; round < 10; round += 1) {
      const { hold } = await a.take('group:1');
      const next = await b.queue('group:1');
      const crossing = await a.yield(hold);
      const released = b.release((await bench.drive(next.answer)).hold);
      if (round % 2 === 0) await Promise.resolve();
      crossing.cancel(new Error('changed my mind'));
      await released;
      const granted = await bench.drive(crossing.answer.catch(() => null));
      if (granted !== null) await a.release(granted.hold);
      await bench.until(async () => !(await c.store.inspect('group:1')).held, 'the name to be free');
    }
  },
};
