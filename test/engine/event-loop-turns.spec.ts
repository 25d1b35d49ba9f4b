import { once } from 'node:events';
import { setImmediate } from 'node:timers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventLoopTurns } from '../../lib/runtime/event-loop-turns.js';
import { LockManager } from '../../lib/lock-manager.js';
import { memoryStore } from '../../lib/stores/memory/memory-store.js';
import { ManualClock } from '../../lib/testing/index.js';

describe('a chain of hand-offs', () => {
  it('may go on for a millisecond in one turn of the loop, and anew in the next', async () => {
    const clock = new ManualClock();
    const turns = new EventLoopTurns(clock);
    const mayGoOn = () => turns.mayGoOn(clock.monotonicMs());
    for (let turn = 0; turn < 3; turn += 1) {
      expect(mayGoOn()).toBe(true);
      clock.stall(0.99);
      expect(mayGoOn()).toBe(true);
      clock.stall(0.02);
      expect(mayGoOn()).toBe(false);
      await nextTurn(); // which the loop makes by itself: nobody was postponed
    }
  });

  it('that was postponed goes on when the loop has turned, and has a millisecond then', async () => {
    const clock = new ManualClock();
    const turns = new EventLoopTurns(clock);
    const mayGoOn = () => turns.mayGoOn(clock.monotonicMs());
    mayGoOn();
    clock.stall(1);
    const seen: boolean[] = [];
    turns.goOnLater(() => {
      seen.push(mayGoOn());
      clock.stall(1);
      seen.push(mayGoOn());
    });
    expect(seen).toEqual([]);
    await clock.advanceAsync(0);
    expect(seen).toEqual([true, false]);
  });

  it('of which each waits for a turn of its own is never held up', async () => {
    const clock = new ManualClock();
    const locks = new LockManager({ store: memoryStore(), clock });
    locks.on('warning', () => undefined);
    let [turn, isOver] = [0, false];
    const count = () => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const seen: { began: number; ended: number }[] = [];
    const section = () =>
      locks.using('hot', async () => {
        const began = turn;
        await nextTurn();
        clock.stall(2); // by then the last hand-off is long ago
        seen.push({ began, ended: turn });
      });
    await Promise.all([section(), section(), section()]);
    isOver = true;
    // Each begins in the turn in which the one before it ended.
    const [first, second, third] = seen;
    expect([second!.began, third!.began]).toEqual([first!.ended, second!.ended]);
    await clock.advanceAsync(0);
    await locks.close();
  });

  it('of many names goes on in one turn, in the order in which they were postponed; what is postponed then has the next', () => {
    const asked: (() => void)[] = [];
    const clock = Object.assign(new ManualClock(), { nextTurn: (work: () => void) => void asked.push(work) });
    const turns = new EventLoopTurns(clock);
    const seen: string[] = [];
    turns.goOnLater(() => {
      seen.push('a');
      turns.goOnLater(() => seen.push('a again'));
    });
    turns.goOnLater(() => seen.push('b'));
    expect(asked).toHaveLength(1);
    asked[0]!();
    expect(seen).toEqual(['a', 'b']);
    asked[1]!();
    expect([seen, asked.length]).toEqual([['a', 'b', 'a again'], 2]);
  });
});

describe('200 000 empty sections of 50 callers on one name', () => {
  const CALLERS = 50;
  const SECTIONS = 4_000;
  const TICK_MS = 5;
  const server = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'));
  afterAll(() => void server.close());

  /** Of this process: what others do on the machine does not count. */
  function computedMs(): number {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  }

  /** The longest time, in ms of computing, in which a timer and a socket were not served; and all of it. */
  async function whileBusy(work: () => Promise<unknown>) {
    const longest = { timerMs: 0, socketMs: 0, allMs: 0 };
    let [tickedAt, answeredAt] = [computedMs(), computedMs()];
    const note = (which: keyof typeof longest, since: number) => {
      longest[which] = Math.max(longest[which], computedMs() - since);
      return computedMs();
    };
    const timer = setInterval(() => (tickedAt = note('timerMs', tickedAt)), TICK_MS);
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(socket, 'connect');
    socket.on('data', () => {
      answeredAt = note('socketMs', answeredAt);
      socket.write('.');
    });
    const startedAt = computedMs();
    [tickedAt, answeredAt] = [startedAt, startedAt];
    socket.write('.');
    await work();
    note('allMs', startedAt);
    note('timerMs', tickedAt);
    note('socketMs', answeredAt);
    clearInterval(timer);
    socket.destroy();
    return longest;
  }

  it('starve neither timers nor sockets', async () => {
    const locks = new LockManager({ store: memoryStore() });
    locks.on('warning', () => undefined);
    let sections = 0;
    const caller = async () => {
      for (let section = 0; section < SECTIONS; section += 1) await locks.using('hot', () => (sections += 1));
    };
    const longest = await whileBusy(() => Promise.all(Array.from({ length: CALLERS }, caller)));
    expect(sections).toBe(CALLERS * SECTIONS);
    // Unstarved it is some 10 ms; without turns, the whole run.
    expect(longest.timerMs).toBeLessThan(longest.allMs / 4);
    expect(longest.socketMs).toBeLessThan(longest.allMs / 4);
    await locks.close();
  });
});
