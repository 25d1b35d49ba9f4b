import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { pause } from '../../lib/runtime/clock.js';
import { ManualClock } from '../../lib/testing/index.js';

describe('the manual clock', () => {
  it('stands still until it is moved, and then moves both clocks alike', () => {
    const clock = new ManualClock({ monotonicMs: 50, wallMs: 5000 });
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([50, 5000]);
    clock.advance(1.5);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([51.5, 5001.5]);
  });

  it('fires timers in order of their time, each at its own time, and those due together in the order they were set', () => {
    const clock = new ManualClock({ monotonicMs: 0 });
    const fired: [string, number][] = [];
    const note = (name: string) => () => fired.push([name, clock.monotonicMs()]);
    clock.setTimer(30, note('late'));
    clock.setTimer(10, note('first'));
    clock.setTimer(10, note('second'));
    clock.setTimer(31, note('too late'));
    clock.advance(30);
    expect(fired).toEqual([
      ['first', 10],
      ['second', 10],
      ['late', 30],
    ]);
    expect([clock.monotonicMs(), clock.pendingTimers]).toEqual([30, 1]);
  });

  it('fires timers that fired timers set, if they fall due within the same move', () => {
    const clock = new ManualClock({ monotonicMs: 0 });
    const fired: number[] = [];
    const tick = () => {
      fired.push(clock.monotonicMs());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
  });

  it('never fires a cancelled timer, nor one set to Infinity, which counts as pending', () => {
    const clock = new ManualClock();
    const fired: string[] = [];
    const timer = clock.setTimer(5, () => fired.push('cancelled'));
    clock.setTimer(Infinity, () => fired.push('never'), { background: true });
    timer.cancel();
    timer.cancel();
    clock.advance(1e12);
    expect(fired).toEqual([]);
    expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1, 0]);
  });

  it('lets promises settle between timers when moved with advanceAsync', async () => {
    const clock = new ManualClock({ monotonicMs: 0 });
    const seen: string[] = [];
    const walk = async () => {
      for (const step of ['a', 'b', 'c']) {
        await pause(clock, 10);
        seen.push(`${step} at ${clock.monotonicMs()}`);
      }
    };
    const walked = walk();
    await clock.advanceAsync(20);
    expect(seen).toEqual(['a at 10', 'b at 20']);
    await clock.advanceAsync(10);
    await walked;
    expect(seen).toHaveLength(3);
  });

  it('calls back in the next turn of the event loop, after promises have settled, and no time passes', async () => {
    const clock = new ManualClock({ monotonicMs: 50 });
    const order: string[] = [];
    clock.nextTurn(() => order.push(`turn at ${clock.monotonicMs()}`));
    clock.advance(0);
    await Promise.resolve().then(() => order.push('promise'));
    expect(order).toEqual(['promise']);
    await nextTurn();
    expect(order).toEqual(['promise', 'turn at 50']);
  });

  it('lets a chain of turns come to its end before, between and after the timers when moved with advanceAsync', async () => {
    const clock = new ManualClock({ monotonicMs: 0 });
    const seen: string[] = [];
    const chain = async (name: string) => {
      for (let turn = 0; turn < 20; turn += 1) {
        await new Promise<void>((resolve) => clock.nextTurn(resolve));
        await Promise.resolve();
      }
      seen.push(`${name} ended at ${clock.monotonicMs()}`);
    };
    const fire = (name: string) => () => {
      seen.push(`${name} fired`);
      void chain(name);
    };
    clock.setTimer(10, fire('first'));
    clock.setTimer(20, fire('second'));
    void chain('before');
    await clock.advanceAsync(20);
    expect(seen).toEqual([
      'before ended at 0',
      'first fired',
      'first ended at 10',
      'second fired',
      'second ended at 20',
    ]);
  });

  it('can move the wall clock alone, either way', () => {
    const clock = new ManualClock({ monotonicMs: 0, wallMs: 5000 });
    clock.stepWall(-3000);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([0, 2000]);
  });

  it('can stall: time passes and timers fire late, at the time of the next move', () => {
    const clock = new ManualClock({ monotonicMs: 0 });
    const fired: number[] = [];
    clock.setTimer(10, () => fired.push(clock.monotonicMs()));
    clock.stall(100);
    expect(fired).toEqual([]);
    clock.advance(0);
    expect(fired).toEqual([100]);
  });

  it.each([-1, Number.NaN, Infinity])('refuses to advance by %p', async (ms) => {
    const clock = new ManualClock();
    expect(() => clock.advance(ms)).toThrow(RangeError);
    await expect(clock.advanceAsync(ms)).rejects.toThrow(RangeError);
  });
});
