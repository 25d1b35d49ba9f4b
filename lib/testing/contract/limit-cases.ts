import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

export const limitCases: ContractCases = {
  'at most so many hold a name at once, each with a token of its own': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const options = { limit: 2 };
    const one = await a.take('mail', options);
    const two = await b.take('mail', options);
    await c.findBusy('mail', options);
    assert.notEqual(one.hold.fencingToken, two.hold.fencingToken);
    await a.release(one.hold);
    const three = await c.take('mail', options);
    assert.ok(three.hold.fencingToken > two.hold.fencingToken);
  },

  'weights count, and nobody overtakes the head of the queue': async (bench) => {
    const [a, b, c, d] = await bench.fourProcesses();
    const one = await a.take('mail', { limit: 4, weight: 3 });
    const heavy = await b.queue('mail', { limit: 4, weight: 2 });
    await c.findBusy('mail', { limit: 4, weight: 1 });
    const light = await c.queue('mail', { limit: 4, weight: 2 });
    await a.release(one.hold);
    await bench.drive(Promise.all([heavy.answer, light.answer]));
    await d.findBusy('mail', { limit: 4, weight: 1 });
  },

  'a permit whose lease runs out is free again': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const one = await a.take('mail', { limit: 1, leaseMs: bench.leaseMs });
    const waiting = await b.queue('mail', { limit: 1 });
    await bench.drive(waiting.answer);
    assert.equal(await a.release(one.hold), 'refused');
    assert.equal(await a.renew(one.hold), 'lost');
  },

  'asking twice with one token takes one permit, and releasing twice says so': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const ownerToken = a.newToken();
    const first = await a.take('mail', { limit: 2, ownerToken });
    await a.take('mail', { limit: 2, ownerToken });
    const other = await b.take('mail', { limit: 2 });
    assert.equal(await a.release(first.hold), 'released');
    assert.equal(await a.release(first.hold), 'released');
    const seen = await b.store.inspect('mail');
    assert.deepEqual([seen.limit, seen.holders?.length], [2, 1]);
    assert.equal(await b.release(other.hold), 'released');
  },

  'the limit of the first caller is in force as long as anybody holds or waits, and others are told': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    const one = await a.take('mail', { limit: 2 });
    const two = await b.take('mail', { limit: 5 });
    assert.equal(two.limit, 2);
    await b.findBusy('mail', { limit: 5 });
    await a.release(one.hold);
    await b.release(two.hold);
    const wide = [await a.take('mail', { limit: 3 }), await b.take('mail', { limit: 3 })];
    assert.equal((await a.take('mail', { limit: 3 })).limit, undefined);
    assert.equal(wide.length, 2);
  },

  'a limit that is set stays in force; raising it lets waiters in, lowering it takes nothing away': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    await c.store.setLimit?.('mail', 1);
    const one = await a.take('mail', { limit: 9 });
    const waiting = await b.queue('mail', { limit: 9 });
    await c.store.setLimit?.('mail', 2);
    const two = await bench.drive(waiting.answer);
    await c.store.setLimit?.('mail', 1);
    assert.deepEqual([await a.renew(one.hold), await b.renew(two.hold)], ['renewed', 'renewed']);
    await a.release(one.hold);
    await c.findBusy('mail', { limit: 9 });
    await c.store.setLimit?.('mail', null);
    await b.release(two.hold);
    assert.equal((await c.take('mail', { limit: 9 })).limit, undefined);
  },

  'a weight above the limit in force is a usage error, for one who asks and for one who waits': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    await a.take('mail', { limit: 5, weight: 5 });
    const waiting = await b.queue('mail', { limit: 5, weight: 3 });
    await c.store.setLimit?.('mail', 2);
    assert.equal((await bench.failure(waiting.answer))['code'], 'LOCK_OPTIONS_INVALID');
    const asking = c.ask('mail', { limit: 5, weight: 3 });
    assert.equal((await bench.failure(asking))['code'], 'LOCK_OPTIONS_INVALID');
  },

  'readers and a limit exclude each other on one name; an exclusive lock goes with either, and takes all':
    async (bench) => {
      const [a, b] = await bench.fourProcesses();
      const permit = await a.take('mail', { limit: 2 });
      const reading = b.ask('mail', { mode: 'shared' });
      assert.equal((await bench.failure(reading))['code'], 'LOCK_OPTIONS_INVALID');
      await b.findBusy('mail');
      await a.release(permit.hold);
      const all = await b.take('mail');
      await a.findBusy('mail', { limit: 2 });
      await b.release(all.hold);
      await a.take('mail', { limit: 2 });
    },
};
