import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Redis } from 'ioredis';

import { Pairs } from '../src/child/pairs.js';
import { promotedBytesDuring } from '../src/child/promoted-bytes.js';
import { Samples, spreadOf } from '../src/child/samples.js';
import { ServerCpu } from '../src/child/server-cpu.js';
import { startRedis } from '../src/run/redis-server.js';

describe('a spread', () => {
  it('is that of all parts together, in any order', () => {
    const values = Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
    const { p50, p99, longest } = spreadOf(
      Float64Array.from(values.slice(0, 300)),
      Float64Array.from(values.slice(300)),
    );
    assert.deepEqual([p50, longest], [500.5, 1_000]);
    assert.ok(p99 > 989 && p99 < 992);
  });

  it('of nothing is no number', () => {
    assert.deepEqual(spreadOf(new Float64Array()), { p50: NaN, p99: NaN, longest: NaN });
  });

  it('has every sample, also more than there was room for', () => {
    const samples = new Samples();
    for (let value = 0; value < 150_000; value++) samples.add(value);
    assert.equal(samples.count, 150_000);
    assert.equal(spreadOf(samples.take()).longest, 149_999);
  });
});

describe('pairs', () => {
  it('are exactly so many, on names that never come again, so many at once as there are loops', async () => {
    const names = new Set<string>();
    let [inside, most] = [0, 0];
    const using = async (name: string): Promise<void> => {
      names.add(name);
      most = Math.max(most, ++inside);
      await turn();
      inside--;
    };
    const pairs = new Pairs({ using, close: async () => {} }, 8);
    const taken = [...(await pairs.run(50)), ...(await pairs.run(30))];
    assert.equal(names.size, 80);
    assert.equal(most, 8);
    assert.ok(taken.length === 80 && taken.every((ns) => ns > 0));
  });
});

describe('promoted bytes', () => {
  const OBJECTS = 400_000;
  const make = async (keep: (made: object) => void): Promise<void> => {
    for (let index = 0; index < OBJECTS; index++) {
      keep({ index, next: index + 1, text: [index, index] });
      if (index % 1_000 === 0) await turn();
    }
  };

  it('are what stays, and not what dies young', async () => {
    const kept: object[] = [];
    // In this order: what is kept tells the compiler to make all of it in the old generation at once.
    const drops = await promotedBytesDuring(() => make((made) => (kept[0] = made)));
    const keeps = await promotedBytesDuring(() => make((made) => kept.push(made)));
    assert.ok(keeps > 1e6, `${keeps} bytes of what is kept`);
    assert.ok(drops < keeps / 4, `${drops} bytes of what is dropped`);
  });
});

describe("the server's processor time", () => {
  it('is what its work took', async () => {
    const redis = await startRedis();
    try {
      const server = await ServerCpu.open(redis.url);
      const before = await server.usedUs();
      const idle = (await server.usedUs()) - before;
      const client = new Redis(redis.url);
      await client.eval('for i = 1, 3000000 do local a = i * i end', 0);
      client.disconnect();
      const busy = (await server.usedUs()) - before - idle;
      server.close();
      assert.ok(busy > 5_000 && busy > 5 * idle, `${busy} µs of work, ${idle} µs of nothing`);
    } finally {
      await redis.stop();
    }
  });
});
