import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { KEEP_MS } from './port-process.js';

export const fencingCases: ContractCases = {
  'they go up from holder to holder': async (bench) => {
    const processes = await bench.fourProcesses();
    let last = 0;
    for (let turn = 0; turn < 12; turn += 1) {
      const process = processes[turn % 4]!;
      const { hold } = await process.take('group:1');
      assert.ok(hold.fencingToken > last);
      last = hold.fencingToken;
      await process.release(hold);
    }
  },

  'they go up over a hand-off to a waiter': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { answer } = await b.queue('group:1');
    await a.release(hold);
    assert.ok((await bench.drive(answer)).hold.fencingToken > hold.fencingToken);
  },

  'they go up when a lease ends without a release': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1', { leaseMs: bench.leaseMs });
    await bench.advance(bench.leaseMs + 20);
    assert.ok((await b.take('group:1')).hold.fencingToken > old.hold.fencingToken);
  },

  'they go up when a waiter takes over a lease that ended': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1', { leaseMs: bench.leaseMs });
    const { answer } = await b.queue('group:1');
    assert.ok((await bench.drive(answer)).hold.fencingToken > old.hold.fencingToken);
  },

  'they go up over a release by force': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1');
    await b.store.forceRelease('group:1', 'stuck');
    assert.ok((await b.take('group:1')).hold.fencingToken > old.hold.fencingToken);
  },

  'they go up over a release by force that passes the name to a waiter': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const old = await a.take('group:1');
    const { answer } = await b.queue('group:1');
    await a.store.forceRelease('group:1', 'stuck');
    assert.ok((await bench.drive(answer)).hold.fencingToken > old.hold.fencingToken);
  },

  'they go up after the name was forgotten': async (bench) => {
    const a = await bench.process();
    const old = await a.take('group:1');
    await a.release(old.hold);
    await bench.advance(KEEP_MS + 50);
    assert.ok((await a.take('group:1')).hold.fencingToken > old.hold.fencingToken);
  },

  'they are safe integers and begin at wall time in µs': async (bench) => {
    const a = await bench.process();
    for (const name of ['group:1', 'group:2']) {
      const { fencingToken } = (await a.take(name)).hold;
      assert.ok(Number.isSafeInteger(fencingToken), `${fencingToken} is not a safe integer`);
      const behindMs = bench.clock.wallMs() - fencingToken / 1000;
      assert.ok(
        Math.abs(behindMs) < 60_000,
        `token ${fencingToken} is ${behindMs} ms behind wall time in µs`,
      );
    }
  },

  'a resource that refuses a smaller one never accepts the stale write of a holder that slept': async (
    bench,
  ) => {
    const locks = bench.manager({ leaseMs: bench.leaseMs, renew: false });
    const resource = { value: '', fence: 0 };
    const write = (value: string, fence: number) =>
      fence >= resource.fence && Boolean(Object.assign(resource, { value, fence }));
    const sleeper = await bench.drive(locks.acquire('account:1'));
    await bench.advance(bench.leaseMs + 20);
    const next = await bench.drive(locks.acquire('account:1'));
    assert.equal(write('new', next.fencingToken), true);
    assert.equal(write('stale', sleeper.fencingToken), false);
    assert.equal(resource.value, 'new');
  },
};
