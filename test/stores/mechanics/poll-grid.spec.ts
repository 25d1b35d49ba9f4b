import { once } from 'node:events';
import { nextTick } from 'node:process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { PollGrid } from '../../../lib/stores/mechanics/poll-grid.js';
import { ManualClock } from '../../../lib/testing/index.js';
import { eventually, RedisWorkbench } from '../../support/redis-workbench.js';

const GRID_MS = 16;

describe('a poll', () => {
  it('is never asked early, and at most 16 ms late', async () => {
    const clock = new ManualClock();
    const polls = new PollGrid(clock);
    for (const delayMs of [0, 1, 7.5, 16, 25, 5_000]) {
      const startMs = clock.monotonicMs();
      let askedAtMs = NaN;
      polls.after(delayMs, () => (askedAtMs = clock.monotonicMs()));
      await clock.advanceAsync(delayMs + GRID_MS);
      expect(askedAtMs - startMs).toBeGreaterThanOrEqual(delayMs);
      expect(askedAtMs - startMs).toBeLessThanOrEqual(delayMs + GRID_MS);
    }
  });

  it('is asked in one turn with those that come due at about the same time, and with nobody else', async () => {
    const clock = new ManualClock({ monotonicMs: 1_600 });
    const polls = new PollGrid(clock);
    const seen: string[] = [];
    const ask = (what: string) => () => {
      seen.push(what);
      nextTick(() => seen.push(`after ${what}`));
    };
    polls.after(GRID_MS + 9, ask('c'));
    polls.after(3, ask('a'));
    polls.after(11, ask('b'));
    await clock.advanceAsync(GRID_MS - 1);
    expect(seen).toEqual([]);
    clock.advance(1); // their timers ring in one turn, as those of Node do
    expect(seen).toEqual([]); // with promises and ticks between them: nobody is asked before all have rung
    await clock.advanceAsync(GRID_MS);
    expect(seen).toEqual(['a', 'b', 'after a', 'after b', 'c', 'after c']);
  });

  it('that was cancelled in time is not asked, and keeps no timer', async () => {
    const clock = new ManualClock();
    const polls = new PollGrid(clock);
    const asked: string[] = [];
    polls.after(10, () => asked.push('cancelled')).cancel();
    polls.after(10, () => asked.push('other'));
    await clock.advanceAsync(2 * GRID_MS);
    expect(asked).toEqual(['other']);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('a process that waits for many names', () => {
  const bench = new RedisWorkbench();
  beforeAll(() => bench.start());
  afterEach(() => bench.clean());
  afterAll(() => bench.stop());

  it('asks for many of them with each command', async () => {
    const names = Array.from({ length: 32 }, (_, index) => `group:${index}`);
    const holder = await bench.manager({ leaseMs: 600 });
    const locks = await bench.manager({ waitMs: Infinity });
    await Promise.all(names.map((name) => holder.acquire(name)));
    let waiting = 0;
    locks.on('waiting', () => waiting++);
    const monitor = await bench.raw.monitor();
    const requests: number[] = [];
    for (const name of names) void locks.acquire(name).catch(() => undefined);
    await eventually(() => waiting === names.length);
    monitor.on('monitor', (_time: string, [, , keys, first]: string[], source: string) => {
      // An acquisition: two keys for each request, unlike a renewal.
      if (source !== 'lua' && first?.startsWith('lock:{') && Number(keys) % 2 === 0)
        requests.push(Number(keys) / 2);
    });
    const polled = () => requests.reduce((sum, each) => sum + each, 0);
    while (polled() < 3 * names.length) await once(monitor, 'monitor');
    monitor.disconnect();
    expect(polled() / requests.length).toBeGreaterThanOrEqual(3);
  });
});
