import { describe, expect, it } from '@jest/globals';
import { Bounds } from '../../../lib/stores/mechanics/bounds.js';
import { ManualClock } from '../../../lib/testing/index.js';

/** A bound of so many ms that says when it was over. */
function openBounds() {
  const clock = new ManualClock({ monotonicMs: 0 });
  const bounds = new Bounds(clock);
  const over: { name: string; atMs: number }[] = [];
  const start = (name: string, boundMs: number) =>
    bounds.start(boundMs, () => over.push({ name, atMs: clock.monotonicMs() }));
  return { clock, bounds, over, start };
}

describe('a bound', () => {
  it('is over when its time has passed, each at its own', async () => {
    const { clock, over, start } = openBounds();
    start('long', 2_000);
    start('short', 50);
    await clock.advanceAsync(500);
    start('later', 1_000);
    await clock.advanceAsync(2_000);
    expect(over).toEqual([
      { name: 'short', atMs: 50 },
      { name: 'later', atMs: 1_500 },
      { name: 'long', atMs: 2_000 },
    ]);
  });

  it('is over in the order in which they began when many are at once, whoever has ended before', async () => {
    const { clock, bounds, over, start } = openBounds();
    const ended = start('ended', 10);
    for (const name of ['a', 'b', 'c', 'd']) start(name, 50);
    bounds.end(ended);
    bounds.end(ended); // twice is once
    await clock.advanceAsync(100);
    expect(over.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not count what we slept: a blocked event loop, a stopped process', async () => {
    const { clock, over, start } = openBounds();
    start('bound', 2_000);
    await clock.advanceAsync(500);
    clock.stall(60_000);
    await clock.advanceAsync(1_300);
    expect(over).toEqual([]);
    await clock.advanceAsync(200);
    expect(over).toHaveLength(1);
  });

  it('does not count it either when we slept before anybody looked', async () => {
    const { clock, over, start } = openBounds();
    start('bound', 300);
    clock.stall(3_000);
    await clock.advanceAsync(100);
    expect(over).toEqual([]);
    await clock.advanceAsync(200);
    expect(over).toHaveLength(1);
  });

  it('however short, is over only when what lay in the sockets has been read', async () => {
    const { clock, bounds, over, start } = openBounds();
    const bound = start('answered', 50);
    start('silent', 50);
    clock.stall(3_000);
    clock.advance(0);
    expect(over).toEqual([]);
    bounds.end(bound); // by what was read
    await clock.advanceAsync(0);
    expect(over).toEqual([{ name: 'silent', atMs: 3_000 }]);
  });

  it('of no time at all is over at once, but not within the call', async () => {
    const { clock, over, start } = openBounds();
    start('none', 0);
    start('less', -5);
    expect(over).toEqual([]);
    await clock.advanceAsync(0);
    expect(over.map(({ atMs }) => atMs)).toEqual([0, 0]);
  });

  it('comes to its end although the event loop is always late', async () => {
    const { clock, over, start } = openBounds();
    start('bound', 2_000);
    for (let turn = 0; turn < 20; turn++) {
      clock.stall(500);
      await clock.advanceAsync(0);
    }
    expect(over).toHaveLength(1);
  });

  it('that ended in time is never over, and for nobody no timer rings twice', async () => {
    const { clock, bounds, over, start } = openBounds();
    bounds.end(start('ended', 1_000));
    await clock.advanceAsync(5_000);
    expect(over).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps no process alive, and after close() leaves no timer', () => {
    const { clock, bounds, start } = openBounds();
    const bound = start('bound', 1_000);
    expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1, 0]);
    bounds.close();
    bounds.end(bound);
    expect(clock.pendingTimers).toBe(0);
  });

  it('round a command that is never settled ends it', async () => {
    const { clock, bounds } = openBounds();
    const outcome = bounds.within(1_000, () => new Promise<never>(() => undefined)).catch(String);
    bounds.close();
    await clock.advanceAsync(1_000);
    expect(await outcome).toBe('Error: no reply within 1000 ms');
  });
});
