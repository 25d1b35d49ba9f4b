import { describe, expect, it } from '@jest/globals';
import type { AcquireOptions } from '../../lib/acquire-options.js';
import { countedLocks } from '../support/counted-locks.js';

const NAME = 'group:1';
const LEASE_MS = 30_000;

/** Of a call that is expected to be refused; everything else, as it is. */
const refusal = (call: Promise<unknown>) =>
  call.catch(({ name, code, lockName, retryAfterMs, retryable, message }: Record<string, unknown>) => ({
    name,
    code,
    lockName,
    retryAfterMs,
    retryable,
    message,
  }));

/** The name is held here or elsewhere, and so many callers of this process wait for it. */
async function crowd(waiters: number, options: AcquireOptions = {}, heldBy: 'us' | 'others' = 'us') {
  const counted = countedLocks({ maxWaiters: 3, ...options });
  const holder = await (heldBy === 'us' ? counted.locks : counted.other).acquire(NAME);
  const waiting = Array.from({ length: waiters }, () => counted.locks.acquire(NAME, { waitMs: Infinity }));
  await counted.turn();
  return { ...counted, holder, waiting };
}

describe('maxWaiters', () => {
  it.each(['us', 'others'] as const)(
    'one more caller than may wait is refused at once, with how long the lease still runs (held by %s)',
    async (heldBy) => {
      const { locks, clock, asked } = await crowd(3, {}, heldBy);
      await clock.advanceAsync(1000);
      const before = asked.length;
      const beganMs = clock.monotonicMs();
      const refused = await refusal(locks.acquire(NAME));
      expect(refused).toMatchObject({
        name: 'LockBusyError',
        code: 'LOCK_QUEUE_FULL',
        lockName: NAME,
        retryable: true,
        message: expect.stringContaining('3 callers of this process'),
      });
      const { retryAfterMs } = refused as { retryAfterMs: number };
      expect(retryAfterMs).toBeGreaterThan(LEASE_MS - 1_000 - 400);
      expect(retryAfterMs).toBeLessThanOrEqual(LEASE_MS - 1_000);
      expect([clock.monotonicMs(), asked.length]).toEqual([beganMs, before]);
    },
  );

  it('nobody else is disturbed: those who wait have their turn, in order', async () => {
    const { locks, holder, waiting, work } = await crowd(3);
    const order: number[] = [];
    const served = waiting.map(async (call, index) => {
      const lease = await call;
      order.push(index);
      work();
      await lease.release();
    });
    expect(await refusal(locks.acquire(NAME))).toMatchObject({ code: 'LOCK_QUEUE_FULL' });
    work();
    await holder.release();
    await Promise.all(served);
    expect(order).toEqual([0, 1, 2]);
    expect(locks.events.some(({ event }) => event === 'lost')).toBe(false);
  });

  it('a place that becomes free can be taken: by a turn, by an abort, by a wait that is over', async () => {
    const { locks, holder, waiting, work, clock } = await crowd(1);
    const leaving = new AbortController();
    const left = refusal(locks.acquire(NAME, { signal: leaving.signal }));
    const late = refusal(locks.acquire(NAME, { waitMs: 100 }));
    const next = () => refusal(locks.acquire(NAME, { waitMs: Infinity }));
    expect(await next()).toMatchObject({ code: 'LOCK_QUEUE_FULL' });

    leaving.abort(new Error('gone'));
    expect(await left).toMatchObject({ message: 'gone' });
    void next();
    expect(await next()).toMatchObject({ code: 'LOCK_QUEUE_FULL' });

    await clock.advanceAsync(100);
    expect(await late).toMatchObject({ code: 'LOCK_BUSY' });
    void next();
    expect(await next()).toMatchObject({ code: 'LOCK_QUEUE_FULL' });

    work();
    await holder.release();
    await waiting[0];
    void next();
    expect(await next()).toMatchObject({ code: 'LOCK_QUEUE_FULL' });
  });

  it('does not count the first one while its first answer is on its way: it may not have to wait at all', async () => {
    const { locks, turn } = countedLocks({ maxWaiters: 1 });
    const calls = [1, 2, 3].map(() => refusal(locks.acquire(NAME)));
    expect(await calls[2]).toMatchObject({ code: 'LOCK_QUEUE_FULL' });
    await turn();
    expect(await calls[0]).toMatchObject({ state: 'held' });
    expect(locks.held()).toHaveLength(1);
    const { waitingHere } = await locks.inspect(NAME);
    expect(waitingHere).toBe(1);
  });

  it('counts the first one once the store has said that it must wait', async () => {
    const { locks, other, turn } = countedLocks({ maxWaiters: 1 });
    await other.acquire(NAME);
    void refusal(locks.acquire(NAME));
    await turn();
    expect(await refusal(locks.acquire(NAME))).toMatchObject({ code: 'LOCK_QUEUE_FULL' });
  });

  it('is counted per name', async () => {
    const { locks, turn } = await crowd(3);
    expect(await refusal(locks.acquire(NAME))).toMatchObject({ code: 'LOCK_QUEUE_FULL' });
    const elsewhere = await locks.acquire('group:2');
    void refusal(locks.acquire('group:2', { waitMs: Infinity }));
    await turn();
    expect((await locks.inspect('group:2')).waitingHere).toBe(1);
    await elsewhere.release();
  });

  it('of the call wins over that of the module, both ways', async () => {
    const { locks } = await crowd(3);
    expect(await refusal(locks.acquire(NAME, { maxWaiters: 2 }))).toMatchObject({
      code: 'LOCK_QUEUE_FULL',
      message: expect.stringContaining('2 callers'),
    });
    void refusal(locks.acquire(NAME, { maxWaiters: 4, waitMs: Infinity }));
    expect((await locks.inspect(NAME)).waitingHere).toBe(4);
  });

  it('does not concern one who only tries, or does not wait', async () => {
    const { locks } = await crowd(3);
    expect(await locks.tryAcquire(NAME)).toBeNull();
    expect(await refusal(locks.acquire(NAME, { waitMs: 0 }))).toMatchObject({ code: 'LOCK_BUSY' });
  });
});

describe('maxWaitingProcesses', () => {
  it('is the store’s to refuse: LOCK_QUEUE_FULL at once, for all who wait here, and those who are queued have their turn', async () => {
    const { process, other, clock, turn } = countedLocks();
    const holder = await other.acquire(NAME);
    const queued = process.open().acquire(NAME);
    await turn();
    const full = process.open({ maxWaitingProcesses: 1 });
    const beganMs = clock.monotonicMs();
    const refused = await Promise.all([refusal(full.acquire(NAME)), refusal(full.acquire(NAME))]);
    for (const one of refused) {
      expect(one).toMatchObject({
        name: 'LockBusyError',
        code: 'LOCK_QUEUE_FULL',
        lockName: NAME,
        retryAfterMs: LEASE_MS,
        message: expect.stringContaining('1 processes'),
      });
    }
    expect(clock.monotonicMs()).toBe(beganMs);
    await holder.release();
    expect((await queued).state).toBe('held');
  });

  it('may be given for one call, and its place can be taken when it is free again', async () => {
    const { process, locks, other, turn } = countedLocks();
    const holder = await other.acquire(NAME);
    const queued = process.open().acquire(NAME);
    await turn();
    expect(await refusal(locks.acquire(NAME, { maxWaitingProcesses: 1 }))).toMatchObject({
      code: 'LOCK_QUEUE_FULL',
    });
    await holder.release();
    const next = await queued;
    const waiting = locks.acquire(NAME, { maxWaitingProcesses: 1 });
    await turn();
    await next.release();
    expect((await waiting).state).toBe('held');
  });
});

describe('waitMs', () => {
  it('counts from the call, however many were served meanwhile and however late the head is asked for', async () => {
    const { locks, clock } = countedLocks();
    const gaveUpAtMs: number[] = [];
    const beganMs = clock.monotonicMs();
    void locks.using(NAME, () => clock.advanceAsync(600));
    const second = locks.using(NAME, () => clock.advanceAsync(600), { waitMs: 700 });
    const third = locks.acquire(NAME, { waitMs: 1000 }).catch(({ code }: { code: string }) => {
      gaveUpAtMs.push(clock.monotonicMs() - beganMs);
      return code;
    });
    await second;
    expect(await third).toBe('LOCK_BUSY');
    expect(gaveUpAtMs).toEqual([1000]);
  });
});
