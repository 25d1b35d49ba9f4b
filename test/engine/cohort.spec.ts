import { describe, expect, it } from '@jest/globals';
import type { Lease } from '../../lib/holding/lease.js';
import { countedLocks } from '../support/counted-locks.js';

const NAME = 'group:1';

/** So many callers at once, who all note when it was their turn and with which token. */
function callers(count: number, { locks, work }: ReturnType<typeof countedLocks>, sectionMs?: number) {
  const served: number[] = [];
  const fences: number[] = [];
  const section = (index: number) => (lease: Lease) => {
    served.push(index);
    fences.push(lease.fencingToken);
    work(sectionMs);
  };
  const calls = Array.from({ length: count }, (_, index) => locks.using(NAME, section(index)));
  return { served, fences, over: Promise.all(calls) };
}

const threeTimes = (word: string) => [word, word, word];
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a lease that ends while others of its process wait', () => {
  it('passes the lock on without a command, in the order of the calls', async () => {
    const counted = countedLocks();
    const { served, over } = callers(50, counted);
    await over;
    expect(served).toEqual(upTo(50));
    expect(counted.asked).toEqual(['acquire', 'release']);
  });

  it('each local lease has the next fencing token, and the next process one above all of them', async () => {
    const counted = countedLocks();
    const { fences, over } = callers(20, counted);
    await over;
    expect(fences).toEqual(upTo(20).map((index) => fences[0]! + index));
    const next = await counted.other.acquire(NAME);
    expect(next.fencingToken).toBeGreaterThan(fences[19]!);
  });

  it('keeps its own fencing token after its end, whatever is used under the same hold later', async () => {
    const counted = countedLocks({ cohortMs: 1 });
    const leases: Lease[] = [];
    const tokens: number[] = [];
    const over = upTo(6).map(() =>
      counted.locks.using(NAME, (lease) => {
        leases.push(lease);
        tokens.push(lease.fencingToken);
        counted.work(0.7);
      }),
    );
    await Promise.all(over);
    expect(counted.asked).toContain('yield');
    expect(leases.map(({ fencingToken }) => fencingToken)).toEqual(tokens);
    expect(new Set(tokens).size).toBe(6);
  });

  it('tells of each local lease: acquired and released, with its own label, token and times', async () => {
    const { locks, work } = countedLocks();
    const labels = ['a', 'b', 'c'];
    const sections = labels.map((label) => locks.using(NAME, () => work(0.5), { label }));
    await Promise.all(sections);
    const told = locks.events.filter(({ event }) => event !== 'waiting');
    const first = (told[0] as { fencingToken: number }).fencingToken;
    expect(told).toMatchObject(
      labels.flatMap((label, index) => [
        {
          event: 'acquired',
          name: NAME,
          label,
          fencingToken: first + index,
          waitedMs: expect.closeTo(index / 2),
        },
        { event: 'released', name: NAME, label, fencingToken: first + index, heldMs: expect.closeTo(0.5) },
      ]),
    );
  });

  it('is what inspect and held() tell of: label and token of the local lease, which the store does not know', async () => {
    const { locks, other, work } = countedLocks();
    const first = locks.using(NAME, () => work(), { label: 'first' });
    await locks.using(
      NAME,
      async ({ fencingToken }) => {
        expect(await locks.inspect(NAME)).toMatchObject({ held: true, label: 'second', fencingToken });
        expect(locks.held()).toMatchObject([{ name: NAME, label: 'second', fencingToken, state: 'held' }]);
        expect(await other.inspect(NAME)).toMatchObject({ label: 'first', fencingToken: fencingToken - 1 });
      },
      { label: 'second' },
    );
    await first;
    expect(await locks.inspect(NAME)).toMatchObject({ held: false, label: null, fencingToken: null });
  });

  it('refuses one who only tries without asking the store, and between two leases after asking it', async () => {
    const { locks, asked, turn, work } = countedLocks();
    const lease = await locks.acquire(NAME);
    const waiting = locks.acquire(NAME);
    expect(await locks.tryAcquire(NAME)).toBeNull();
    expect(asked).toEqual(['acquire']);
    void lease.release();
    expect(locks.held()).toEqual([]); // on its way from one to the next
    expect(await locks.tryAcquire(NAME)).toBeNull();
    work();
    await turn();
    await (await waiting).release();
    expect(asked).toEqual(['acquire', 'acquire', 'release']);
  });
});

describe('a slice', () => {
  it('ends after cohortMs, is asked about at its end only, and doubles up to 80 ms while nobody else waits', async () => {
    const counted = countedLocks();
    await callers(350, counted, 1).over;
    const yieldedAtMs = counted.askedAtMs.filter((_, index) => counted.asked[index] === 'yield');
    expect(yieldedAtMs).toEqual([10, 30, 70, 150, 230, 310]);
    expect(new Set(counted.asked)).toEqual(new Set(['acquire', 'yield', 'release']));
  });

  it('that is asked for longer than 80 ms stays as long as it was asked for', async () => {
    const counted = countedLocks({ cohortMs: 200 });
    await callers(50, counted, 10).over;
    const yieldedAtMs = counted.askedAtMs.filter((_, index) => counted.asked[index] === 'yield');
    expect(yieldedAtMs).toEqual([200, 400]);
  });

  it('ends for the other process, and we go on behind it, with a new hold and larger tokens all along', async () => {
    const counted = countedLocks();
    const { locks, other, work, asked, turn } = counted;
    const order: string[] = [];
    const fences: number[] = [];
    const section = (who: string) => (lease: Lease) => {
      order.push(who);
      fences.push(lease.fencingToken);
      work(4);
    };
    const ours = ['a0', 'a1', 'a2', 'a3', 'a4'].map((who) => locks.using(NAME, section(who)));
    const theirs = other.using(NAME, section('b'));
    await turn();
    await Promise.all([...ours, theirs]);
    expect(order).toEqual(['a0', 'a1', 'a2', 'b', 'a3', 'a4']);
    expect(fences).toEqual([...new Set(fences)].toSorted((one, two) => one - two));
    expect(asked).toEqual(['acquire', 'yield', 'release']);
  });

  it('is asked about early when less than half of the lease is left, and the lease is long again', async () => {
    const { locks, asked, work } = countedLocks({ leaseMs: 1000, cohortMs: 1000 });
    const first = locks.using(NAME, () => work(600)); // a blocked event loop: no renewal came in between
    const remaining = locks.using(NAME, (lease) => lease.remainingMs());
    await first;
    expect(await remaining).toBe(988);
    expect(asked).toEqual(['acquire', 'yield', 'release']);
  });

  it('is asked about early when the store’s clock has not passed the next fencing token yet', async () => {
    const frozen = countedLocks();
    const { fences, over } = callers(3, frozen, 0);
    await over;
    expect(frozen.asked).toEqual(['acquire', 'yield', 'yield', 'release']);
    expect(fences).toEqual([...new Set(fences)].toSorted((one, two) => one - two));

    const fast = countedLocks();
    const tokens = await Promise.all(
      upTo(100).map((index) =>
        fast.locks.using(NAME, (lease) => {
          if (index === 0) fast.work(0.1); // 98 tokens by clocks that differ by 2 %
          return lease.fencingToken;
        }),
      ),
    );
    expect(tokens.slice(0, 99)).toEqual(upTo(99).map((index) => tokens[0]! + index));
    expect(fast.asked).toEqual(['acquire', 'yield', 'release']);
  });

  it('does not exist with cohortMs 0: every lease takes its turn in the store, behind who came before', async () => {
    const { locks, process, asked, turn } = countedLocks({ cohortMs: 0 });
    const other = process.open({ cohortMs: 0 });
    const order: string[] = [];
    const held = await locks.acquire(NAME);
    const calls = [
      locks.using(NAME, () => order.push('a1')),
      locks.using(NAME, () => order.push('a2')),
      other.using(NAME, () => order.push('b1')),
      other.using(NAME, () => order.push('b2')),
    ];
    await turn();
    await held.release();
    await Promise.all(calls);
    expect(order).toEqual(['a1', 'b1', 'a2', 'b2']);
    expect(asked.toSorted()).toEqual([...threeTimes('acquire'), ...threeTimes('release')]);
  });
});

describe('a waiter whose options the hold cannot keep', () => {
  it.each([
    ['renew: false', { renew: false }],
    ['another leaseMs', { leaseMs: 60_000 }],
    ['cohortMs: 0', { cohortMs: 0 }],
  ])('%s: acquires for itself, with what it asked for, and nobody overtakes it', async (_, options) => {
    const { locks, asked, work } = countedLocks();
    const order: string[] = [];
    const first = locks.using(NAME, () => (order.push('first'), work(0.2)));
    const special = locks.using(
      NAME,
      (lease) => {
        order.push('special');
        const { leaseMs = 30_000, renew = true } = options as { leaseMs?: number; renew?: boolean };
        expect([lease.leaseMs, lease.renews]).toEqual([leaseMs, renew]);
        expect(lease.remainingMs()).toBeCloseTo(leaseMs * 0.99 - 2);
        work(0.2);
      },
      options,
    );
    const last = locks.using(NAME, () => void order.push('last'));
    await Promise.all([first, special, last]);
    expect(order).toEqual(['first', 'special', 'last']);
    expect(asked.toSorted()).toEqual([...threeTimes('acquire'), ...threeTimes('release')]);
  });
});
