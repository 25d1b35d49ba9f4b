import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Redis } from 'ioredis';

import { judgeLimits, type Measured } from '../src/cost/limits.js';
import { costOf } from '../src/cost/measure-operations.js';
import { OPERATIONS } from '../src/cost/operations.js';
import { fillPage } from '../src/cost/page.js';
import { ServerCosts } from '../src/cost/server-costs.js';
import { costTables } from '../src/cost/tables.js';
import { type BenchRedis, startRedis } from '../src/run/redis-server.js';

let redis: BenchRedis;
before(async () => {
  redis = await startRedis();
});
after(() => redis.stop());

/** What docs/cost.md promises: commands of clients, alone and 16 at once. */
const PROMISED: Record<string, [alone: number, together: number]> = {
  acquire: [1, 1 / 16],
  'acquire-again': [1, 1 / 16],
  release: [1, 1 / 16],
  busy: [1, 1 / 16],
  'busy-here': [0, 0],
  wait: [1, 1 / 16],
  'wait-behind': [0, 0],
  'give-up': [1, 1 / 16],
  'hand-off': [1, 1 / 16],
  'hand-on': [0, 0],
  kept: [1, 1 / 16],
  yielded: [1, 1 / 16],
  extend: [1, 1],
  inspect: [1, 1],
};

describe('the commands of an operation', () => {
  for (const operation of OPERATIONS.filter(({ id }) => id in PROMISED)) {
    const [alone, together] = PROMISED[operation.id] ?? [];
    it(`${operation.title}: ${alone}, of 16 at once ${together}`, async () => {
      const rounds = 1;
      assert.equal((await costOf(redis, operation, { together: 1, rounds })).commands, alone);
      assert.equal((await costOf(redis, operation, { together: 16, rounds })).commands, together);
    });
  }

  it('forceRelease: its own, and the release of the holder', async () => {
    const operation = OPERATIONS.find(({ id }) => id === 'force');
    assert.ok(operation);
    const { commands } = await costOf(redis, operation, { together: 1, rounds: 1 });
    assert.equal(commands, 2);
  });
});

describe('the costs of a server', () => {
  it('are what clients send, not what their scripts do', async () => {
    const client = new Redis(redis.url);
    const script = "for i = 1, 50 do redis.call('GET', KEYS[1]) end";
    const found = await new ServerCosts(client).during(async () => {
      for (let times = 0; times < 3; times++) await client.eval(script, 1, 'key');
      await client.subscribe('channel');
      await client.unsubscribe('channel');
    });
    client.disconnect();
    assert.equal(found.scripts, 3);
    assert.equal(found.commands, 5);
    assert.ok(found.scriptUs > 0 && found.cpuUs >= 0);
  });

  it('leave out what was done before', async () => {
    const client = new Redis(redis.url);
    await client.eval('return 1', 0);
    const found = await new ServerCosts(client).during(() => Promise.resolve());
    client.disconnect();
    assert.deepEqual([found.scripts, found.commands, found.scriptUs], [0, 0, 0]);
  });
});

describe('the page', () => {
  const page =
    'before\n<!-- cost: a -->\nold\n<!-- cost: end -->\nbetween\n<!-- cost: b -->\n<!-- cost: end -->\nafter\n';

  it('has each table between its marks, and everything else as it was', () => {
    const filled = fillPage(page, { a: 'new $1', b: 'other' });
    assert.equal(
      filled,
      'before\n<!-- cost: a -->\nnew $1\n<!-- cost: end -->\nbetween\n<!-- cost: b -->\nother\n<!-- cost: end -->\nafter\n',
    );
    assert.equal(fillPage(filled, { a: 'new $1', b: 'other' }), filled);
  });

  it('that lacks a place, or has one for nothing, is not written', () => {
    assert.throws(() => fillPage(page, { a: '', b: '', c: '' }), /no place for c/);
    assert.throws(() => fillPage(page, { a: '' }), /nothing was measured for the place b/);
  });
});

describe('a limit', () => {
  const idle = { commandsPerSecond: 0.4, serverPercent: 0.1, processPercent: 0.1 };
  const each = { commands: 1, serverUs: 1, processUs: 1 };
  const toWait = { scripts: 1, commands: 2, scriptUs: 1, cpuUs: 1 };
  const renewed = { commandsPerInterval: 101, serverUsPerLease: 1, processUsPerLease: 1 };
  const waiters = { toWait, bytesPerWaiter: 2_000, idle, served: { ...each, commands: 0.04 } };
  const lease = {
    acquired: each,
    released: each,
    redisBytesHeld: 1,
    redisBytesFree: 1,
    heapBytes: 1,
    idle,
    renewed,
  };
  const measured: Measured = {
    operations: [],
    growth: {
      waiters: [100, 1_000, 10_000].map((count) => ({ count, found: waiters })),
      processes: [{ count: 1_000, found: { toWait: each, queueBytesPerProcess: 1, idle, served: each } }],
      queue: [],
      leases: [{ count: 10_000, found: lease }],
      waitedNames: [],
    },
  };

  it('that is missed is called so; one that is met too', () => {
    const { limits } = costTables(measured);
    const line = (says: string): string => limits?.split('\n').find((row) => row.includes(says)) ?? '';
    assert.match(line('commands per renewal interval'), /\*\*missed\*\*/);
    assert.match(line('bytes of heap per waiter'), /\bmet\b/);
  });

  it('whose figure was not measured is missed', () => {
    const { limits } = costTables(measured);
    assert.match(limits?.split('\n').find((row) => row.includes('round trips')) ?? '', /\*\*missed\*\*/);
    assert.throws(
      () => judgeLimits({ ...measured, growth: { ...measured.growth, leases: [] } }),
      /not measured with 10000/,
    );
  });
});
