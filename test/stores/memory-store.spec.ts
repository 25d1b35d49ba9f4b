import { afterEach, describe, expect, it } from '@jest/globals';
import { systemRandomness } from '../../lib/runtime/owner-token.js';
import type { AcquireRequest, Grant, StopSignal, StoreContext } from '../../lib/stores/lock-store.js';
import { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import { memoryStore, MemoryStore, type MemoryStoreOptions } from '../../lib/stores/memory/memory-store.js';
import { ManualClock } from '../../lib/testing/index.js';

describe('the memory store', () => {
  const environment = process.env['NODE_ENV'];
  afterEach(() => {
    process.env['NODE_ENV'] = environment;
  });

  it('refuses to serve under NODE_ENV=production, and names both ways out', () => {
    process.env['NODE_ENV'] = 'production';
    const attach = () => memoryStore().attach(context({ clock: new ManualClock() }));
    expect(attach).toThrow(/redisStore\(\{ url \}\).*allowInProduction: true/);
    expect(attach).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS_INVALID' }));
  });

  it('serves there when it is told that this is meant', async () => {
    process.env['NODE_ENV'] = 'production';
    const store = memoryStore({ allowInProduction: true });
    store.attach(context({ clock: new ManualClock() }));
    await expect(store.ready()).resolves.toBeUndefined();
  });

  it.each([[{ allowInproduction: true }], [{ allowInProduction: 'yes' }], ['production'], [null]])(
    'refuses the options %j as LOCK_OPTIONS_INVALID',
    (options) => {
      const make = () => memoryStore(options as MemoryStoreOptions);
      expect(make).toThrow(expect.objectContaining({ name: 'LockUsageError', code: 'LOCK_OPTIONS_INVALID' }));
    },
  );

  it('warns once that it excludes callers of this process only', async () => {
    const warnings: string[] = [];
    const store = new MemoryStore({});
    store.attach(context({ clock: new ManualClock(), onWarning: (message) => warnings.push(message) }));
    await store.ready();
    await store.acquire(request('group:1'), NEVER);
    await store.ready();
    expect(warnings).toEqual([expect.stringContaining('this process only')]);
  });

  it('lives by the clock of the manager that has it now, and nothing of the one before is left', async () => {
    const store = new MemoryStore({});
    const [before, after] = [new ManualClock(), new ManualClock()];
    store.attach(context({ clock: before }));
    await store.acquire(request('group:1'), NEVER);
    await store.close();
    expect(before.pendingTimers).toBe(0);
    store.attach(context({ clock: after }));
    const { hold } = (await store.acquire({ ...request('group:1'), leaseMs: 1_000 }, NEVER)) as Grant;
    await before.advanceAsync(60_000);
    expect(await store.inspect('group:1')).toMatchObject({ held: true, fencingToken: hold.fencingToken });
    await after.advanceAsync(1_000);
    expect(await store.inspect('group:1')).toMatchObject({ held: false });
    await store.close();
    expect(after.pendingTimers).toBe(0);
  });

  it('is a usage error before a manager has it, and LOCK_CLOSED after it was closed', async () => {
    const store = new MemoryStore({});
    await expect(store.acquire(request('group:1'), NEVER)).rejects.toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
    });
    store.attach(context({ clock: new ManualClock() }));
    await store.close();
    await expect(store.acquire(request('group:1'), NEVER)).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    await expect(store.inspect('group:1')).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    const hold = { name: 'group:1', ownerToken: 'x', fencingToken: 1, lastFencingToken: 1 };
    await expect(store.yieldOrKeep(hold, waiting('group:1'), NEVER)).rejects.toMatchObject({
      code: 'LOCK_CLOSED',
    });
  });

  it('shares nothing with another memory store', async () => {
    const [one, two] = [open(), open()];
    await one.take('group:1');
    await expect(two.take('group:1')).resolves.toMatchObject({ outcome: 'granted' });
  });

  it('answers later, never within the call: what a caller does after the call comes first', async () => {
    const { store } = open();
    const order: string[] = [];
    const asked = store.acquire(request('group:1'), NEVER).then(() => order.push('granted'));
    order.push('the caller went on');
    await asked;
    expect(order).toEqual(['the caller went on', 'granted']);
  });

  it('says how long the holder’s lease still runs when it queues a waiter', async () => {
    const { store, clock, take } = open();
    await take('group:1', { leaseMs: 1000 });
    clock.advance(300);
    const news: unknown[] = [];
    const told = { ...waiting('group:1'), onWaiting: (item: unknown) => void news.push(item) };
    const leaving = new AbortController();
    const answer = store.acquire(told, leaving.signal);
    expect(news).toEqual([{ retryAfterMs: 700 }]);
    leaving.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
  });

  it('hears a waiter that gives up the moment it is told that it must wait', async () => {
    const { store, take } = open();
    await take('group:1');
    const leaving = new AbortController();
    const giveUp = () => leaving.abort(new Error('not worth waiting'));
    const answer = store.acquire({ ...waiting('group:1'), onWaiting: giveUp }, leaving.signal);
    await expect(answer).rejects.toThrow('not worth waiting');
    expect((await store.inspect('group:1')).waiting).toBe(0);
  });

  it('gives back by itself a grant that crosses the abort of its waiter', async () => {
    const { store, take } = open();
    const { hold } = await take('group:1');
    const leaving = new AbortController();
    const answer = store.acquire(waiting('group:1'), leaving.signal);
    const released = store.release(hold); // grants, and nobody has heard of it yet
    leaving.abort(new Error('gone'));
    await expect(answer).rejects.toThrow('gone');
    await released;
    expect((await store.inspect('group:1')).held).toBe(false);
  });

  it('asks little of a signal: one listener, which is gone when the wait is over', async () => {
    const { store, take } = open();
    const { hold } = await take('group:1');
    const listeners = new Set<() => void>();
    const signal: StopSignal = {
      aborted: false,
      reason: undefined,
      addEventListener: (_type, listener) => void listeners.add(listener),
      removeEventListener: (_type, listener) => void listeners.delete(listener),
    };
    const answer = store.acquire(waiting('group:1'), signal);
    expect(listeners.size).toBe(1);
    await store.release(hold);
    await answer;
    expect(listeners.size).toBe(0);
  });

  describe('leaves nothing behind', () => {
    it('forgets a free name after keepMs and a lease that ended, with one background timer for all names', async () => {
      const { store, clock, table, take } = open();
      for (let group = 0; group < 100; group += 1) await store.release((await take(`group:${group}`)).hold);
      await take('ended', { leaseMs: 300 });
      expect(table.keys()).toHaveLength(101);
      expect([clock.pendingTimers, clock.pendingForegroundTimers]).toEqual([1, 0]);
      clock.advance(1000);
      expect(table.keys()).toEqual([]);
      expect(clock.pendingTimers).toBe(0);
    });

    it('forgets names one after the other as they fall due, without being used again', async () => {
      const { store, clock, table, take } = open();
      await store.release((await take('first')).hold);
      clock.advance(200);
      await store.release((await take('second')).hold);
      clock.advance(200);
      expect(table.keys()).toEqual(['lock second']);
      clock.advance(200);
      expect(table.keys()).toEqual([]);
    });

    it('keeps a name that is renewed, however often the sweep comes by', async () => {
      const { store, clock, table, take } = open();
      const { hold } = await take('group:1', { leaseMs: 300 });
      for (let time = 0; time < 20; time += 1) {
        clock.advance(200);
        await store.renew([{ hold, leaseMs: 300 }]);
      }
      expect(table.keys()).toHaveLength(1);
      expect(await store.release(hold)).toEqual({ outcome: 'released' });
    });

    it('keeps the process alive with a timer only while somebody waits', async () => {
      const { store, clock, take } = open();
      const { hold } = await take('group:1');
      expect(clock.pendingForegroundTimers).toBe(0);
      const answer = store.acquire(waiting('group:1'), NEVER);
      expect(clock.pendingForegroundTimers).toBe(1);
      await store.release(hold);
      await answer;
      expect(clock.pendingForegroundTimers).toBe(0);
    });
  });

  describe('at the end of a slice', () => {
    it('keeps a hold with the next token after the last one used, and a lease that is counted from now', async () => {
      const { store, clock, take } = open();
      const { hold } = await take('group:1', { leaseMs: 1000 });
      hold.lastFencingToken += 41;
      const last = hold.lastFencingToken;
      clock.advance(500);
      const answer = await store.yieldOrKeep(hold, { ...waiting('group:1'), leaseMs: 2000 }, NEVER);
      expect(answer).toEqual({ outcome: 'kept', deadlineMs: clock.monotonicMs() + 2000 - 20 - 2 });
      expect([hold.fencingToken, hold.lastFencingToken]).toEqual([last + 1, last + 1]);
      expect(await store.inspect('group:1')).toMatchObject({ remainingMs: 2000, fencingToken: last + 1 });
    });

    it('gives the next holder the next token after the last one used', async () => {
      const { store, take } = open();
      const { hold } = await take('group:1');
      const next = store.acquire(waiting('group:1'), NEVER);
      hold.lastFencingToken += 41;
      const last = hold.lastFencingToken;
      await store.yieldOrKeep(hold, waiting('group:1'), NEVER);
      await expect(next).resolves.toMatchObject({ hold: { fencingToken: last + 1 } });
    });

    it('says how long the next holder’s lease runs', async () => {
      const { store, take } = open();
      const { hold } = await take('group:1');
      void store.acquire({ ...waiting('group:1'), leaseMs: 700 }, NEVER);
      const news: unknown[] = [];
      const told = { ...waiting('group:1'), onWaiting: (item: unknown) => void news.push(item) };
      await store.yieldOrKeep(hold, told, NEVER);
      expect(news).toEqual([{ retryAfterMs: 700 }]);
    });

    it('tells nobody to wait whose signal was aborted before: its place is gone at once', async () => {
      const { store, take } = open();
      const { hold } = await take('group:1');
      void store.acquire(waiting('group:1'), NEVER);
      const news: unknown[] = [];
      const told = { ...waiting('group:1'), onWaiting: (item: unknown) => void news.push(item) };
      const answer = await store.yieldOrKeep(hold, told, AbortSignal.abort(new Error('gone')));
      expect((await store.inspect('group:1')).waiting).toBe(0);
      await expect('granted' in answer && answer.granted).rejects.toThrow('gone');
      expect(news).toEqual([]);
    });

    it('refuses a hold of a name that it does not know, and does not begin to remember it', async () => {
      const { store, table, take } = open();
      const { hold } = await take('group:1');
      table.wipe();
      expect(await store.yieldOrKeep(hold, waiting('group:1'), NEVER)).toEqual({
        outcome: 'refused',
        ambiguous: false,
      });
      expect(table.keys()).toEqual([]);
    });
  });

  describe('time', () => {
    it('a lease that ran out while the event loop stood still is over, although no timer has fired yet', async () => {
      const { store, clock, take } = open();
      const { hold } = await take('group:1', { leaseMs: 1000 });
      clock.stall(1001);
      expect(await store.renew([{ hold, leaseMs: 1000 }])).toEqual([{ outcome: 'lost' }]);
      expect(await store.release(hold)).toEqual({ outcome: 'refused', ambiguous: false });
    });

    it('after such a stall the waiter is served, not the newcomer that asks before the timer fires', async () => {
      const { store, clock, take } = open();
      await take('group:1', { leaseMs: 1000 });
      const waiter = store.acquire(waiting('group:1'), NEVER);
      clock.stall(1001);
      await expect(store.acquire(request('group:1'), NEVER)).resolves.toMatchObject({ outcome: 'busy' });
      await expect(waiter).resolves.toMatchObject({ outcome: 'granted' });
    });

    it('the wall clock decides nothing: a jump of an hour ends no lease', async () => {
      const { store, clock, take } = open();
      const { hold } = await take('group:1', { leaseMs: 1000 });
      clock.stepWall(3_600_000);
      expect(await store.renew([{ hold, leaseMs: 1000 }])).toMatchObject([{ outcome: 'renewed' }]);
    });

    it('the deadline is earlier than the end of the lease, counted from before the request', async () => {
      const { clock, take } = open();
      const { deadlineMs } = await take('group:1', { leaseMs: 1000 });
      expect(deadlineMs - clock.monotonicMs()).toBe(1000 - 10 - 2);
    });
  });

  describe('fencing tokens', () => {
    it('are wall time in µs, and go up by one when no time has passed', async () => {
      const { store, clock, take } = open();
      const first = (await take('group:1')).hold;
      expect(first.fencingToken).toBe(clock.wallMs() * 1000);
      await store.release(first);
      const second = (await take('group:1')).hold;
      expect(second.fencingToken).toBe(first.fencingToken + 1);
      await store.release(second);
      clock.advance(400);
      expect((await take('group:1')).hold.fencingToken).toBe(clock.wallMs() * 1000);
    });

    it('still rise when the wall clock is set back and the name was forgotten', async () => {
      const { store, clock, take } = open();
      const first = (await take('group:1')).hold;
      await store.release(first);
      clock.advance(1000);
      clock.stepWall(-3_600_000);
      const second = (await take('group:1')).hold;
      expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
      await store.release(second);
      clock.advance(1000);
      expect((await take('group:1')).hold.fencingToken).toBeGreaterThan(second.fencingToken);
    });
  });

  it.each(['ends', 'is ended by force'])(
    'remembers the tokens that were counted on from a hold that %s, without a clock to help',
    async (how) => {
      const { store, clock, take } = open();
      const { hold } = await take('group:1', { leaseMs: 300 });
      hold.lastFencingToken += 60_000_000;
      if (how === 'ends') clock.advance(300);
      else await store.forceRelease('group:1', 'stuck');
      expect((await take('group:1')).hold.fencingToken).toBe(hold.lastFencingToken + 1);
    },
  );

  it('tells a holder of its forced end before the next one learns that it may begin', async () => {
    const order: string[] = [];
    const { store, take } = open({ onLost: (_token, cause) => order.push(cause) });
    await take('group:1');
    const waiter = store.acquire(waiting('group:1'), NEVER).then(() => order.push('granted'));
    await store.forceRelease('group:1', 'stuck');
    await waiter;
    expect(order).toEqual(['forced', 'granted']);
  });

  it('a holder that asks again the moment it hears of its forced end does not overtake the queue', async () => {
    const asked: Promise<unknown>[] = [];
    const { store, take } = open({ onLost: () => asked.push(store.acquire(request('group:1'), NEVER)) });
    await take('group:1');
    const waiter = store.acquire(waiting('group:1'), NEVER);
    await store.forceRelease('group:1', 'stuck');
    await expect(asked[0]).resolves.toMatchObject({ outcome: 'busy' });
    await expect(waiter).resolves.toMatchObject({ outcome: 'granted' });
  });
});

const NEVER = new AbortController().signal;

function request(name: string): AcquireRequest {
  const ownerToken = systemRandomness.ownerToken();
  return {
    name,
    ownerToken,
    leaseMs: 30_000,
    mode: 'exclusive',
    label: '',
    wait: false,
    maxWaitingProcesses: 10_000,
  };
}

function waiting(name: string): AcquireRequest {
  return { ...request(name), wait: true };
}

function open(told: Partial<StoreContext> = {}) {
  const clock = new ManualClock();
  const table = new MemoryLockTable(clock);
  const store = new MemoryStore({}, table);
  store.attach(context({ ...told, clock }));
  const take = async (name: string, options: Partial<AcquireRequest> = {}) => {
    return (await store.acquire({ ...request(name), ...options }, NEVER)) as Grant;
  };
  return { clock, table, store, take };
}

function context(told: Partial<StoreContext> & { clock: ManualClock }): StoreContext {
  return {
    prefix: 'lock',
    keepMs: 400,
    randomness: systemRandomness,
    onLost: () => {},
    onWarning: () => {},
    ...told,
  };
}
