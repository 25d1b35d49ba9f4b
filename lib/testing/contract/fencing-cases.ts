import assert from 'node:assert/strict';
import type { Lease } from '../../holding/lease.js';
import type { LockManager } from '../../lock-manager.js';
import type { ContractCases } from './contract-bench.js';
import { countOn, FAR, KEEP_MS, LONG_LEASE_MS } from './port-process.js';

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

  'they go up over the tokens that were counted on from a hold, when it is released': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const first = (await a.take('group:1')).hold;
    assert.equal(first.lastFencingToken, first.fencingToken);
    const counted = countOn(first, FAR);
    await a.release(first);
    const second = (await b.take('group:1')).hold;
    assert.ok(second.fencingToken > counted, `${second.fencingToken} after ${counted}`);
    const { answer } = await c.queue('group:1');
    const countedToo = countOn(second, FAR);
    await b.release(second);
    const { fencingToken } = (await bench.drive(answer)).hold;
    assert.ok(fencingToken > countedToo, `${fencingToken} after ${countedToo}`);
  },

  'they go up over the tokens that were counted on, when the hold is lost before it could tell': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    for (const [name, leaseMs] of [
      ['ended', bench.leaseMs],
      ['forced', LONG_LEASE_MS],
    ] as const) {
      const { hold } = await a.take(name, { leaseMs });
      await bench.advance(20);
      const counted = countOn(hold, 10_000); // no more than microseconds have passed since the grant: the engine keeps to that
      if (name === 'forced') await b.store.forceRelease(name, 'stuck');
      else await bench.advance(leaseMs + 20);
      const { fencingToken } = (await b.take(name)).hold;
      assert.ok(fencingToken > counted, `${name}: ${fencingToken} after ${counted}`);
    }
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

  'the tokens of all sections, of all processes, go up in the order in which the sections run': async (
    bench,
  ) => {
    const fences: number[] = [];
    const section = async ({ fencingToken }: Lease) => {
      fences.push(fencingToken);
      await bench.pause();
    };
    const crowd = (locks: LockManager, size: number) =>
      Array.from({ length: size }, () => locks.using('group:1', section));
    const calls = [
      ...crowd(bench.manager(), 40), // the last of them among themselves
      ...crowd(bench.manager(), 10),
      ...crowd(bench.manager({ cohortMs: 0 }), 10),
    ];
    await bench.drive(Promise.all(calls));
    assert.equal(fences.length, 60);
    assert.deepEqual(
      fences,
      [...new Set(fences)].toSorted((one, other) => one - other),
    );
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
