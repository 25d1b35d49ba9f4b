import { describe, expect, it } from '@jest/globals';
import { AlarmClock, type Sleeper } from '../../lib/runtime/alarm-clock.js';
import { ManualClock } from '../../lib/testing/index.js';
import { Seeded } from '../support/seeded.js';

class Named implements Sleeper {
  alarmAtMs = Infinity;
  alarmIndex = 0;
  constructor(readonly name: string) {}
}

function openAlarms(onRing: (due: readonly Named[], alarms: AlarmClock<Named>) => void = () => undefined) {
  const clock = new ManualClock({ monotonicMs: 0 });
  const rung: { atMs: number; names: string[] }[] = [];
  const alarms: AlarmClock<Named> = new AlarmClock<Named>(
    clock,
    (due) => {
      if (due.length > 0) rung.push({ atMs: clock.monotonicMs(), names: due.map(({ name }) => name) });
      onRing(due, alarms);
    },
    { background: true },
  );
  return { clock, rung, alarms };
}

describe('an alarm clock', () => {
  it('wakes each sleeper at its own time, never early, also those of one bucket', () => {
    const { clock, rung, alarms } = openAlarms();
    for (const atMs of [30, 17, 20, 18, 400, 18]) alarms.set(new Named(`${atMs}`), atMs);
    clock.advance(1000);
    expect(rung).toEqual([
      { atMs: 17, names: ['17'] },
      { atMs: 18, names: ['18', '18'] },
      { atMs: 20, names: ['20'] },
      { atMs: 30, names: ['30'] },
      { atMs: 400, names: ['400'] },
    ]);
  });

  it('has one timer for all, which keeps no process alive, and none for nobody', () => {
    const { clock, alarms } = openAlarms();
    const sleepers = Array.from({ length: 1000 }, (_, index) => new Named(`${index}`));
    for (const [index, sleeper] of sleepers.entries()) alarms.set(sleeper, 1000 - index);
    expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1, 0]);
    for (const sleeper of sleepers) alarms.clear(sleeper);
    expect(clock.pendingTimers).toBe(0);
  });

  it('has no timer after the last alarm has rung', () => {
    const { clock, alarms } = openAlarms();
    alarms.set(new Named('a'), 10);
    clock.advance(10);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a new alarm replaces the old one, earlier or later, and Infinity takes it away', () => {
    const { clock, rung, alarms } = openAlarms();
    const [a, b, c] = [new Named('a'), new Named('b'), new Named('c')];
    for (const sleeper of [a, b, c]) alarms.set(sleeper, 100);
    alarms.set(a, 50);
    alarms.set(b, 150);
    alarms.set(c, Infinity);
    clock.advance(1000);
    expect(rung).toEqual([
      { atMs: 50, names: ['a'] },
      { atMs: 150, names: ['b'] },
    ]);
  });

  it('one whose alarm was cleared is not woken, and those of the same bucket are', () => {
    const { clock, rung, alarms } = openAlarms();
    const [a, b] = [new Named('a'), new Named('b')];
    alarms.set(a, 10);
    alarms.set(b, 11);
    alarms.clear(a);
    alarms.clear(a);
    clock.advance(100);
    expect(rung).toEqual([{ atMs: 11, names: ['b'] }]);
  });

  it('wakes together what a blocked event loop has made late, when what lies in the sockets has been read', async () => {
    const { clock, rung, alarms } = openAlarms();
    const answered = new Named('answered');
    for (const atMs of [10, 500, 90]) alarms.set(new Named(`${atMs}`), atMs);
    alarms.set(answered, 200);
    clock.stall(600);
    clock.advance(0);
    expect(rung).toEqual([]);
    alarms.clear(answered); // by what was read
    await clock.advanceAsync(0);
    expect(rung).toEqual([{ atMs: 600, names: ['10', '90', '500'] }]);
  });

  it('may be set again by the one who is woken, at once too', () => {
    let again = 3;
    const { clock, rung, alarms } = openAlarms((due, clockwork) => {
      for (const sleeper of due) {
        again -= 1;
        if (again >= 0) clockwork.set(sleeper, again === 1 ? 10 : 40);
      }
    });
    alarms.set(new Named('a'), 10);
    clock.advance(1000);
    expect(rung.map(({ atMs }) => atMs)).toEqual([10, 40, 40, 40]);
  });

  it('keeps many sleepers in order while their alarms are set, moved and cleared at random', () => {
    const { clock, rung, alarms } = openAlarms();
    const random = new Seeded(9);
    const sleepers = Array.from({ length: 300 }, (_, index) => new Named(`${index}`));
    for (let step = 0; step < 5_000; step++) {
      const sleeper = random.pick(sleepers);
      if (random.chance(0.25)) alarms.clear(sleeper);
      else alarms.set(sleeper, random.between(1, 1_000));
    }
    const expected = sleepers.filter(({ alarmAtMs }) => alarmAtMs !== Infinity);
    const times = expected.map(({ name, alarmAtMs }) => `${name} at ${alarmAtMs}`);
    clock.advance(1_000);
    const told = rung.flatMap(({ atMs, names }) => names.map((name) => `${name} at ${atMs}`));
    expect(told.toSorted()).toEqual(times.toSorted());
    expect(expected.length).toBeGreaterThan(150);
  });

  it('tells who is next, up to a time and a count', () => {
    const { alarms } = openAlarms();
    for (const atMs of [200, 5, 100, 101, 20]) alarms.set(new Named(`${atMs}`), atMs);
    const upcoming = (untilMs: number, count: number) =>
      alarms.upcoming(untilMs, count).map(({ name }) => name);
    expect(upcoming(100, 10)).toEqual(['5', '20', '100']);
    expect(upcoming(1000, 2)).toEqual(['5', '20']);
    expect(upcoming(4, 10)).toEqual([]);
  });
});
