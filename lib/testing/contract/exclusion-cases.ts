import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { LONG_LEASE_MS } from './port-process.js';

/** Names that a careless key layout would let meet each other, or the companion keys of each other. */
const NEIGHBOURS = [
  'group:1',
  'group:1:q',
  'group:1:f',
  'group:',
  'group',
  'GROUP:1',
  'group:1 ',
  ' group:1',
  '{group:1}',
  '{group:1',
  'group:1}',
  '}group:1',
  'group:1}:q',
  '{}',
  '{}group:1',
  '{group}:1',
  'group%3A1',
  'group%253A1',
  '%',
  '%7B',
  'group:*',
  'group:?',
  'group:[1]',
  'group/1',
  'group:1/',
  '/group:1',
  'group:1/q',
  'group:1//',
  '../group:1',
  'group:1\n',
  'group:1\r\n',
  'gruppe:ü',
  '🔒',
];

export const exclusionCases: ContractCases = {
  'a name that one process holds is busy for another, and free after the release': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { retryAfterMs } = await b.findBusy('group:1');
    assert.ok(
      retryAfterMs > 0 && retryAfterMs <= LONG_LEASE_MS,
      `retryAfterMs ${retryAfterMs} is not within the lease`,
    );
    assert.equal(await a.release(hold), 'released');
    await b.take('group:1');
  },

  'a process does not exclude only others: its own second token is busy too': async (bench) => {
    const a = await bench.process();
    await a.take('group:1');
    await a.findBusy('group:1');
  },

  'of many that ask at the same moment exactly one is granted': async (bench) => {
    const processes = await bench.fourProcesses();
    const answers = await Promise.all(
      processes.flatMap((p) => Array.from({ length: 8 }, () => p.ask('group:1'))),
    );
    assert.equal(answers.filter((answer) => answer.outcome === 'granted').length, 1);
  },

  'names that differ only in separators, braces, patterns, case or space never meet': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const holds = [];
    for (const name of NEIGHBOURS) holds.push((await a.take(name, { label: name })).hold);
    for (const name of NEIGHBOURS) assert.equal((await b.store.inspect(name)).label, name);
    for (const hold of holds) assert.equal(await a.release(hold), 'released');
    for (const name of NEIGHBOURS) assert.equal((await b.store.inspect(name)).held, false);
  },

  'queues of such names do not meet either': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const names = ['group:1', 'group:1:q', '{group:1}', 'group:1}', 'group/1'];
    const holds = new Map<string, Awaited<ReturnType<typeof a.take>>['hold']>();
    for (const name of names) holds.set(name, (await a.take(name)).hold);
    for (const name of names) {
      const queued = await b.queue(name);
      for (const other of names) assert.equal(await a.waiting(other), other === name ? 1 : 0);
      await a.release(holds.get(name)!);
      assert.equal((await bench.drive(queued.answer)).hold.name, name);
    }
  },

  'the same name under another prefix is another lock': async (bench) => {
    const a = await bench.process();
    const b = await bench.process({ prefix: `${a.context().prefix}-b` });
    await a.take('group:1');
    await b.take('group:1');
  },

  'a section that reads, waits and writes loses no update when every process uses the lock': async (
    bench,
  ) => {
    const managers = [bench.manager(), bench.manager(), bench.manager()];
    let seats = 0;
    let inside = 0;
    const takeSeat = async () => {
      assert.equal(++inside, 1, 'two sections ran at once');
      const seen = seats;
      await bench.pause();
      seats = seen + 1;
      inside -= 1;
    };
    const calls = managers.flatMap((locks) =>
      Array.from({ length: 10 }, () => locks.using('seats', takeSeat)),
    );
    await bench.drive(Promise.all(calls));
    assert.equal(seats, 30);
  },

  'a lease is an object of its own: an old one cannot release what a new one holds': async (bench) => {
    const locks = bench.manager();
    const first = await bench.drive(locks.acquire('group:1'));
    await bench.drive(first.release());
    const second = await bench.drive(locks.acquire('group:1'));
    assert.equal(await bench.drive(first.release()), 'released');
    assert.equal(second.state, 'held');
    assert.equal(await bench.drive(locks.isLocked('group:1')), true);
  },
};
