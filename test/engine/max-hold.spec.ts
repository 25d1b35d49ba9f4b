import { describe, expect, it } from '@jest/globals';
import type { LeaseEvent, LockManagerOptions } from '../../lib/index.js';
import type { LossCause } from '../../lib/lock-errors.js';
import { LockLostError } from '../../lib/lock-errors.js';
import { failureOf } from '../support/failure-of.js';
import { countedLocks } from '../support/counted-locks.js';

const NAME = 'report:1';
const MAX = { maxHoldMs: 2_000 } as const;
const DAY_MS = 86_400_000;

function open(options: Partial<LockManagerOptions> = {}) {
  const counted = countedLocks(options);
  const lost: (LeaseEvent & { cause: LossCause })[] = [];
  counted.locks.on('lost', (event) => void lost.push(event));
  const never = new Promise<never>(() => undefined);
  return { ...counted, lost, never };
}

describe('maxHoldMs', () => {
  it('takes the lock from a holder that hangs: its signal aborts, the next one of another process has it at once, and the call settles when its work ends', async () => {
    const { clock, locks, other, lost } = open();
    let finish!: (value: string) => void;
    const seen: unknown[] = [];
    const call = failureOf(
      locks.using(
        NAME,
        (lease) => {
          lease.signal.addEventListener('abort', () => seen.push(lease.signal.reason));
          return new Promise<string>((resolve) => (finish = resolve));
        },
        { ...MAX, label: 'hangs' },
      ),
    );
    const next = other.acquire(NAME);
    await clock.advanceAsync(1_999);
    expect(seen).toEqual([]);
    await clock.advanceAsync(1);
    const lease = await next;
    expect(seen).toEqual([expect.objectContaining({ code: 'LOCK_LOST', cause: 'held-too-long' })]);
    expect(lost).toMatchObject([{ name: NAME, label: 'hangs', cause: 'held-too-long' }]);
    finish('late');
    expect(await call).toMatchObject({ code: 'LOCK_LOST', cause: 'held-too-long', result: 'late' });
    expect(lease.state).toBe('held'); // what the late work gave back was nobody's any more
  });

  it('gives the lock to the next caller of the same process, with a larger token', async () => {
    const { clock, locks } = open(MAX);
    const first = await locks.acquire(NAME);
    const second = locks.acquire(NAME);
    await clock.advanceAsync(2_000);
    expect((await second).fencingToken).toBeGreaterThan(first.fencingToken);
    expect(await first.release()).toBe('lost');
    expect((await second).state).toBe('held');
  });

  it('counts anew for each caller that the lock is handed on to', async () => {
    const { clock, locks, asked } = open({ ...MAX, cohortMs: 1_000, leaseMs: 60_000 });
    const first = await locks.acquire(NAME);
    const second = locks.acquire(NAME);
    await clock.advanceAsync(900);
    await first.release();
    const lease = await second;
    expect(asked).toEqual(['acquire']); // it was handed on
    await clock.advanceAsync(1_900);
    expect(lease.state).toBe('held');
    await clock.advanceAsync(100);
    expect(lease.state).toBe('lost');
  });

  it('is told by the lease itself, however late the timer is', async () => {
    const { clock, locks } = open(MAX);
    const lease = await locks.acquire(NAME);
    clock.stall(1_500);
    expect(lease.remainingMs()).toBe(500);
    clock.stall(500);
    expect(() => lease.assertHeld()).toThrow(LockLostError);
    expect(lease.remainingMs()).toBe(0);
  });

  it('does not begin anew for who enters again, and takes the lock from all of the call chain', async () => {
    const { clock, locks, other, lost } = open();
    const states: string[] = [];
    await failureOf(
      locks.using(
        NAME,
        async (outer) => {
          await clock.advanceAsync(1_500);
          await locks.using(
            NAME,
            async (inner) => {
              await clock.advanceAsync(499);
              states.push(inner.state);
              await clock.advanceAsync(1);
              states.push(inner.state, outer.state);
              expect(await other.tryAcquire(NAME)).not.toBeNull();
            },
            { maxHoldMs: 60_000 },
          );
        },
        MAX,
      ),
    );
    expect(states).toEqual(['held', 'lost', 'lost']);
    expect(lost).toHaveLength(1); // one call chain is one lock
  });

  it('still counts for those inside when the one that came first has left', async () => {
    const { clock, locks, other } = open();
    let inner!: Promise<unknown>;
    await locks.using(
      NAME,
      async () => {
        inner = failureOf(locks.using(NAME, () => clock.advanceAsync(5_000)));
        await Promise.resolve();
      },
      MAX,
    );
    expect(await inner).toMatchObject({ cause: 'held-too-long' });
    expect(await other.tryAcquire(NAME)).not.toBeNull();
  });

  it('takes from each reader its own share only', async () => {
    const { clock, locks, other, lost } = open({ mode: 'shared' });
    const hangs = await locks.acquire(NAME, MAX);
    const reads = await locks.acquire(NAME, { maxHoldMs: 5_000 });
    const writing = other.acquire(NAME);
    await clock.advanceAsync(2_000);
    expect([hangs.state, reads.state]).toEqual(['lost', 'held']);
    expect(await other.inspect(NAME)).toMatchObject({ held: true, mode: 'shared' });
    await clock.advanceAsync(3_000);
    expect(reads.state).toBe('lost');
    expect((await writing).state).toBe('held');
    expect(lost).toHaveLength(2);
  });

  it('takes from each holder of a permit its own', async () => {
    const { clock, locks, other } = open();
    const hangs = await locks.acquire(NAME, { limit: 2, ...MAX });
    const works = await locks.acquire(NAME, { limit: 2 });
    const third = other.acquire(NAME, { limit: 2 });
    await clock.advanceAsync(2_000);
    expect([hangs.state, works.state, (await third).state]).toEqual(['lost', 'held', 'held']);
  });

  it('counts for several names from when all of them are there, and gives all of them away', async () => {
    const { clock, locks, other, lost } = open();
    const busy = await other.acquire('b');
    const both = locks.acquire(['a', 'b', 'c'], MAX);
    await clock.advanceAsync(3_000);
    await busy.release();
    const lease = await both;
    await clock.advanceAsync(1_999);
    expect(lease.state).toBe('held');
    const next = other.acquire(['a', 'c']);
    await clock.advanceAsync(1);
    expect(lease.state).toBe('lost');
    expect((await next).state).toBe('held');
    expect(lost.map(({ name, cause }) => `${name} ${cause}`).toSorted()).toEqual([
      'a held-too-long',
      'b held-too-long',
      'c held-too-long',
    ]);
  });

  it('leaves a name of several alone that its call chain entered again', async () => {
    const { clock, locks, other } = open();
    await locks.using('a', async (outer) => {
      const both = await locks.acquire(['a', 'b'], MAX);
      await clock.advanceAsync(2_000);
      expect([both.state, outer.state]).toEqual(['lost', 'held']);
      expect(await other.tryAcquire('a')).toBeNull();
      expect(await other.tryAcquire('b')).not.toBeNull();
    });
  });

  it('of a call counts instead of that of the manager, and Infinity is none', async () => {
    const { clock, locks } = open(MAX);
    const [short, none] = [
      await locks.acquire('a', { maxHoldMs: 100 }),
      await locks.acquire('b', { maxHoldMs: Infinity }),
    ];
    await clock.advanceAsync(100);
    expect(short.state).toBe('lost');
    await clock.advanceAsync(100_000);
    expect(none.state).toBe('held');
  });

  it('may be longer than a timer of the machine can be', async () => {
    const { clock, locks } = open();
    const options = { renew: false, leaseMs: 30 * DAY_MS, maxHoldMs: 28 * DAY_MS };
    const lease = await locks.acquire(NAME, options);
    clock.stall(28 * DAY_MS - 1);
    expect(lease.state).toBe('held');
    clock.stall(1);
    expect(lease.state).toBe('lost');
  });

  it('leaves no timer behind', async () => {
    const { clock, locks } = open(MAX);
    const lease = await locks.acquire(NAME, { renew: false, leaseMs: 60_000 });
    const held = clock.pendingTimers;
    await lease.release();
    expect(held - clock.pendingTimers).toBe(2); // the lease's deadline, and this one
  });
});

describe('a lease of more than a day', () => {
  it('is refused where it is renewed, with what to do', async () => {
    const { locks } = open();
    expect(await failureOf(locks.acquire(NAME, { leaseMs: DAY_MS + 1 }))).toMatchObject({
      code: 'LOCK_LEASE_INVALID',
      message: expect.stringMatching(
        /acquire\("report:1"\): leaseMs must be at most 86400000 ms \(1 day\).*got 86400001; give renew: false/,
      ),
    });
    for (const options of [{ leaseMs: DAY_MS }, { leaseMs: 30 * DAY_MS, renew: false }])
      await (await locks.acquire(NAME, options)).release();
  });

  it('is believed for 1 % less than it is', async () => {
    const { locks } = open();
    const lease = await locks.acquire(NAME, { leaseMs: 30 * DAY_MS, renew: false });
    expect(lease.remainingMs()).toBe(30 * DAY_MS * 0.99 - 2);
  });
});
