import { describe, expect, it, jest } from '@jest/globals';
import { leaseDeadline, pause, systemClock } from '../../lib/runtime/clock.js';
import { ManualClock } from '../../lib/testing/index.js';

describe('the deadline of a lease', () => {
  it.each([
    [100, 97],
    [1000, 988],
    [30_000, 29_698],
  ])('a lease of %d ms may be believed for %d ms from before the request', (leaseMs, believedMs) => {
    expect(leaseDeadline(5000, leaseMs)).toBeCloseTo(5000 + believedMs, 6);
  });

  it('does not depend on when the reply came: only the time of sending goes in', () => {
    expect(leaseDeadline(0, 1000)).toBeLessThan(1000);
  });
});

describe('the system clock', () => {
  it('fires a timer once, not before its time by the monotonic clock', async () => {
    const beganMs = systemClock.monotonicMs();
    await new Promise<void>((resolve) => systemClock.setTimer(20, resolve));
    expect(systemClock.monotonicMs() - beganMs).toBeGreaterThanOrEqual(19);
  });

  it('tells wall time in ms since 1970', () => {
    expect(Math.abs(systemClock.wallMs() - Date.now())).toBeLessThan(1000);
  });

  describe('with the timers of Node moved by hand', () => {
    const DAY_MS = 86_400_000;

    it('waits 60 days for a timer of 60 days, although setTimeout alone would fire at once', () => {
      jest.useFakeTimers();
      const fired = jest.fn();
      systemClock.setTimer(60 * DAY_MS, fired);
      jest.advanceTimersByTime(60 * DAY_MS - 1);
      expect(fired).not.toHaveBeenCalled();
      jest.advanceTimersByTime(1);
      expect(fired).toHaveBeenCalledTimes(1);
      jest.useRealTimers();
    });

    it('can be cancelled in any stretch of a long wait, twice too, and leaves no timer', () => {
      jest.useFakeTimers();
      const fired = jest.fn();
      const timer = systemClock.setTimer(60 * DAY_MS, fired);
      jest.advanceTimersByTime(30 * DAY_MS);
      timer.cancel();
      timer.cancel();
      expect(jest.getTimerCount()).toBe(0);
      jest.advanceTimersByTime(60 * DAY_MS);
      expect(fired).not.toHaveBeenCalled();
      jest.useRealTimers();
    });

    it('never fires a timer set to Infinity, and fires one set to the past at once', () => {
      jest.useFakeTimers();
      const [never, past] = [jest.fn(), jest.fn()];
      systemClock.setTimer(Infinity, never).cancel();
      systemClock.setTimer(Infinity, never);
      systemClock.setTimer(-5, past);
      jest.advanceTimersByTime(100 * DAY_MS);
      expect([never.mock.calls.length, past.mock.calls.length]).toEqual([0, 1]);
      jest.useRealTimers();
    });
  });

  it('keeps the process alive for a timer, but not for a background one', () => {
    const unref = jest.spyOn(Object.getPrototypeOf(setTimeout(() => {}, 0)) as NodeJS.Timeout, 'unref');
    systemClock.setTimer(5, () => {}).cancel();
    expect(unref).not.toHaveBeenCalled();
    systemClock.setTimer(5, () => {}, { background: true }).cancel();
    expect(unref).toHaveBeenCalledTimes(1);
  });
});

describe('a pause', () => {
  it('ends after its time', async () => {
    const clock = new ManualClock();
    let over = false;
    const paused = pause(clock, 100).then(() => (over = true));
    await clock.advanceAsync(99);
    expect(over).toBe(false);
    await clock.advanceAsync(1);
    await paused;
  });

  it('ends when its signal aborts, without an error and without a timer left', async () => {
    const clock = new ManualClock();
    const stopping = new AbortController();
    const paused = pause(clock, 100, stopping.signal);
    stopping.abort(new Error('stop'));
    await expect(paused).resolves.toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not begin when its signal has aborted before', async () => {
    const clock = new ManualClock();
    await pause(clock, 100, AbortSignal.abort());
    expect(clock.pendingTimers).toBe(0);
  });

  it('leaves no listener on a signal that lives longer', async () => {
    const clock = new ManualClock();
    const { signal } = new AbortController();
    const removed = jest.spyOn(signal, 'removeEventListener');
    const paused = pause(clock, 100, signal);
    clock.advance(100);
    await paused;
    expect(removed).toHaveBeenCalledWith('abort', expect.any(Function));
  });

  it('does not keep the process alive', () => {
    const clock = new ManualClock();
    void pause(clock, 100);
    expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1, 0]);
  });
});
