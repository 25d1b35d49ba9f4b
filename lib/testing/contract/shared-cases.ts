import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

const SHARED = { mode: 'shared' } as const;
const UPGRADEABLE = { mode: 'upgradeable' } as const;

export const sharedCases: ContractCases = {
  'readers of several processes hold a name together, a writer holds it alone, and every token is above those before':
    async (bench) => {
      const [a, b, c] = await bench.fourProcesses();
      const one = await a.take('group:1', SHARED);
      const two = await b.take('group:1', SHARED);
      await c.findBusy('group:1');
      await a.release(one.hold);
      await c.findBusy('group:1');
      await b.release(two.hold);
      const writer = await c.take('group:1');
      await a.findBusy('group:1', SHARED);
      await c.release(writer.hold);
      const late = await a.take('group:1', SHARED);
      const tokens = [one, two, writer, late].map(({ hold }) => hold.fencingToken);
      assert.deepEqual(
        tokens,
        tokens.toSorted((x, y) => x - y),
      );
      assert.equal(new Set(tokens).size, 4);
    },

  'turns go in the order of the queue: a reader who comes later does not pass a writer who waits': async (
    bench,
  ) => {
    const [a, b, c, d] = await bench.fourProcesses();
    const reader = await a.take('group:1', SHARED);
    const writing = await b.queue('group:1');
    const [second, third] = [await c.queue('group:1', SHARED), await d.queue('group:1', SHARED)];
    await a.release(reader.hold);
    const writer = await bench.drive(writing.answer);
    assert.equal(await d.waiting('group:1'), 2);
    await b.release(writer.hold);
    const both = await bench.drive(Promise.all([second.answer, third.answer]));
    assert.equal((await a.store.inspect('group:1')).holders?.length, 2);
    for (const { hold } of both) assert.ok(hold.fencingToken > writer.hold.fencingToken);
  },

  'readers behind a writer who gives up are let in': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    await a.take('group:1', SHARED);
    const writing = await b.queue('group:1');
    const reading = await c.queue('group:1', SHARED);
    writing.cancel(new Error('enough'));
    await bench.drive(reading.answer);
  },

  'a reader whose lease runs out frees only its own share': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const one = await a.take('group:1', { ...SHARED, leaseMs: bench.leaseMs });
    const two = await b.take('group:1', SHARED);
    const writing = await c.queue('group:1');
    await bench.until(
      async () => (await b.store.inspect('group:1')).holders?.length === 1,
      'one share to end',
    );
    assert.equal(await a.renew(one.hold), 'lost');
    assert.equal(await a.release(one.hold), 'refused');
    assert.equal(await b.renew(two.hold), 'renewed');
    assert.equal(await b.release(two.hold), 'released');
    await bench.drive(writing.answer);
  },

  'asking twice with one token gives one share, and releasing twice says so': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const ownerToken = a.newToken();
    const first = await a.take('group:1', { ...SHARED, ownerToken });
    const again = await a.take('group:1', { ...SHARED, ownerToken });
    assert.equal(again.hold.fencingToken, first.hold.fencingToken);
    assert.equal((await b.store.inspect('group:1')).holders?.length, 1);
    assert.equal(await a.release(first.hold), 'released');
    assert.equal(await a.release(first.hold), 'released');
    await b.take('group:1');
  },

  'one upgradeable holder goes beside readers; alone it becomes exclusive, with a token above theirs': async (
    bench,
  ) => {
    const [a, b, c] = await bench.fourProcesses();
    const reader = await a.take('group:1', SHARED);
    const { hold } = await b.take('group:1', UPGRADEABLE);
    const before = hold.fencingToken;
    await c.findBusy('group:1', UPGRADEABLE);
    assert.equal((await b.upgrade(hold)).outcome, 'busy');
    const upgrading = b.upgrade(hold, { wait: true });
    await bench.until(async () => (await c.ask('group:1', SHARED)).outcome === 'busy', 'new readers to wait');
    await a.release(reader.hold);
    assert.equal((await bench.drive(upgrading)).outcome, 'granted');
    assert.ok(hold.fencingToken > Math.max(before, reader.hold.fencingToken));
    await c.findBusy('group:1', SHARED);
    assert.equal(await b.release(hold), 'released');
    await c.take('group:1', SHARED);
  },

  'an upgrade that is given up leaves the hold upgradeable and lets readers in again': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const reader = await a.take('group:1', SHARED);
    const { hold } = await b.take('group:1', UPGRADEABLE);
    const stop = new AbortController();
    const upgrading = b.upgrade(hold, { wait: true, signal: stop.signal });
    stop.abort(new Error('enough'));
    await bench.failure(upgrading);
    const late = await bench.drive((await c.queueOrTake('group:1', SHARED)).answer);
    assert.equal(await b.renew(hold), 'renewed');
    await a.release(reader.hold);
    await c.release(late.hold);
    assert.equal((await b.upgrade(hold)).outcome, 'granted');
  },

  'a hold that goes down to shared keeps its token and lets the readers in that wait': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const token = hold.fencingToken;
    const reading = await b.queue('group:1', SHARED);
    assert.equal(await a.downgrade(hold), 'downgraded');
    assert.equal(hold.fencingToken, token);
    assert.ok((await bench.drive(reading.answer)).hold.fencingToken > token);
    await c.findBusy('group:1');
    assert.equal(await a.release(hold), 'released');
    assert.equal(await a.downgrade(hold), 'refused');
  },

  'force ends the one who has that token, or all, and each learns of it': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const one = await a.take('group:1', { ...SHARED, label: 'one' });
    const two = await b.take('group:1', { ...SHARED, label: 'two' });
    const { fencingToken } = one.hold;
    const forced = await c.store.forceRelease('group:1', 'an operator', fencingToken);
    assert.deepEqual(forced, { fencingToken, label: 'one' });
    assert.equal(await c.store.forceRelease('group:1', 'an operator', fencingToken), null);
    await bench.until(async () => a.losses.length === 1, 'one to learn of it');
    assert.equal(b.losses.length, 0);
    assert.equal(await b.renew(two.hold), 'renewed');
    await c.store.forceRelease('group:1', 'an operator');
    await bench.until(async () => b.losses.length === 1, 'the other to learn of it');
    await c.take('group:1');
  },

  'inspect tells every holder, how, since when and for how long still': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const one = await a.take('group:1', { ...SHARED, label: 'one' });
    await b.take('group:1', { ...UPGRADEABLE, label: 'two' });
    const seen = await c.store.inspect('group:1');
    const holders = seen.holders?.toSorted((x, y) => x.label.localeCompare(y.label)) ?? [];
    const told = holders.map(({ label, mode, weight }) => [label, mode, weight]);
    assert.deepEqual(told, [
      ['one', 'shared', 1],
      ['two', 'upgradeable', 1],
    ]);
    assert.equal(holders[0]?.fencingToken, one.hold.fencingToken);
    for (const { remainingMs, heldSinceMs } of holders) {
      assert.ok(remainingMs > 0);
      assert.ok(heldSinceMs > 0);
    }
  },
};
