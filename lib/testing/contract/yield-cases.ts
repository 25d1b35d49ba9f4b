import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { countOn, FAR, LONG_LEASE_MS } from './port-process.js';

export const yieldCases: ContractCases = {
  'nobody waits: the hold is kept, with a larger fencing token and a lease as long as asked for': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    const { hold, deadlineMs } = await a.take('group:1', { leaseMs: bench.leaseMs });
    const first = hold.fencingToken;
    const keptUntilMs = await a.keep(hold);
    assert.ok(hold.fencingToken > first, `${hold.fencingToken} after ${first}`);
    assert.equal(hold.lastFencingToken, hold.fencingToken);
    assert.ok(keptUntilMs > deadlineMs);
    assert.ok(
      keptUntilMs < bench.clock.monotonicMs() + LONG_LEASE_MS,
      'the deadline is later than the lease',
    );
    await bench.advance(bench.leaseMs + 20);
    assert.equal((await b.store.inspect('group:1')).fencingToken, hold.fencingToken);
    await b.findBusy('group:1');
    assert.equal(await a.renew(hold), 'renewed');
    assert.equal(await a.release(hold), 'released');
    await b.take('group:1');
  },

  'a hold may be kept again and again, and is the same hold: one owner token, one release': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { ownerToken } = hold;
    for (let slice = 0; slice < 5; slice += 1) {
      const last = hold.fencingToken;
      await a.keep(hold);
      assert.ok(hold.fencingToken > last);
    }
    assert.equal(hold.ownerToken, ownerToken);
    assert.equal(await a.waiting('group:1'), 0);
    assert.equal(await a.release(hold), 'released');
    assert.equal(await a.release(hold), 'released');
    await b.take('group:1');
  },

  'keeping never shortens the lease': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1');
    await a.keep(hold, { leaseMs: bench.leaseMs });
    const { remainingMs } = await a.store.inspect('group:1');
    assert.ok(remainingMs !== null && remainingMs > LONG_LEASE_MS / 2, `${String(remainingMs)} ms are left`);
  },

  'the token of a kept hold, and the next one after it, are above those that were counted on': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const counted = countOn(hold, FAR);
    await a.keep(hold);
    assert.ok(hold.fencingToken > counted, `${hold.fencingToken} after ${counted}`);
    await a.release(hold);
    const next = (await b.take('group:1')).hold;
    assert.ok(next.fencingToken > hold.fencingToken, `${next.fencingToken} after ${hold.fencingToken}`);
  },

  'inspect shows a kept name with the label of the request that kept it': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { label: 'join' });
    await a.keep(hold, { label: 'leave' });
    assert.equal((await b.store.inspect('group:1')).label, 'leave');
  },

  'somebody waits: the first in the queue gets the name, and we queue behind the others, before newcomers':
    async (bench) => {
      const [a, b, c, d] = await bench.fourProcesses();
      const { hold } = await a.take('group:1');
      const queued = { b: await b.queue('group:1'), c: await c.queue('group:1') };
      const again = await a.yield(hold);
      const first = await bench.drive(queued.b.answer);
      assert.equal(await d.waiting('group:1'), 2);
      const newcomer = await d.queue('group:1');
      const order: string[] = [];
      const inTurn = (who: string, process: typeof a, granted: typeof again.answer) =>
        granted.then(async (grant) => {
          order.push(who);
          await process.release(grant.hold);
          return grant.hold.fencingToken;
        });
      const served = Promise.all([
        inTurn('d', d, newcomer.answer),
        inTurn('a', a, again.answer),
        inTurn('c', c, queued.c.answer),
      ]);
      await b.release(first.hold);
      const [ofD, ofA, ofC] = await bench.drive(served);
      assert.deepEqual(order, ['c', 'a', 'd']);
      const fences = [hold.fencingToken, first.hold.fencingToken, ofC, ofA, ofD];
      assert.deepEqual(
        fences,
        [...new Set(fences)].toSorted((one, other) => one - other),
      );
    },

  'the grant of our new place carries the owner token, the lease and the label of the request': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1');
    const ownerToken = a.newToken();
    const again = await a.yield(hold, { ownerToken, leaseMs: LONG_LEASE_MS / 2, label: 'second slice' });
    await b.release((await bench.drive(next.answer)).hold);
    const grant = await bench.drive(again.answer);
    assert.equal(grant.hold.ownerToken, ownerToken);
    assert.ok(grant.leaseMs <= LONG_LEASE_MS / 2, `a lease of ${grant.leaseMs} ms`);
    assert.equal(grant.hold.lastFencingToken, grant.hold.fencingToken);
    assert.equal((await c.store.inspect('group:1')).label, 'second slice');
    assert.equal(await a.renew(grant.hold), 'renewed');
    assert.equal(await a.release(grant.hold), 'released');
    await c.take('group:1');
  },

  'the one who is granted gets a token above those that were counted on': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const next = await b.queue('group:1');
    const counted = countOn(hold, FAR);
    await a.yield(hold);
    const { fencingToken } = (await bench.drive(next.answer)).hold;
    assert.ok(fencingToken > counted, `${fencingToken} after ${counted}`);
  },

  'a waiter of the same process is somebody who waits': async (bench) => {
    const a = await bench.process();
    const { hold } = await a.take('group:1');
    const own = await a.queue('group:1');
    const again = await a.yield(hold);
    const { hold: next } = await bench.drive(own.answer);
    assert.equal(next.ownerToken, own.ownerToken);
    await a.release(next);
    assert.equal((await bench.drive(again.answer)).hold.ownerToken, again.ownerToken);
  },

  'a waiter that left, and one whose process leaves, are nobody who waits': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const gone = await b.queue('group:1');
    await c.queue('group:1');
    gone.cancel(new Error('gone'));
    await bench.failure(gone.answer);
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue to be free');
    await c.store.stopGranting();
    await a.keep(hold);
    assert.equal(await a.renew(hold), 'renewed');
  },

  'two processes that yield to each other take turns, and nobody loses a place': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    let [mine, other] = [
      { process: a, hold },
      { process: b, queued: await b.queue('group:1') },
    ];
    for (let turn = 0; turn < 10; turn += 1) {
      const queued = await mine.process.yield(mine.hold);
      const { hold: granted } = await bench.drive(other.queued.answer);
      assert.ok(granted.fencingToken > mine.hold.fencingToken);
      assert.equal(await a.waiting('group:1'), 1);
      [mine, other] = [
        { process: other.process, hold: granted },
        { process: mine.process, queued },
      ];
    }
  },

  'a full queue refuses newcomers, never the one who yields': async (bench) => {
    const [a, b, c, d] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const first = await b.queue('group:1');
    await c.queue('group:1');
    await d.queue('group:1');
    await a.yield(hold, { maxWaitingProcesses: 1 });
    await bench.drive(first.answer);
    assert.equal(await a.waiting('group:1'), 3);
  },
};
