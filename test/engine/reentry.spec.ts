import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { type Lease, LockLostError } from '../../lib/index.js';
import { countedLocks } from '../support/counted-locks.js';
import { ManualLocks } from '../support/manual-locks.js';
import { failureOf } from '../support/failure-of.js';

const NAME = 'group:1';

/** A promise that is settled from outside. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** Sections that say who is inside, and never together. */
function sections() {
  const log: string[] = [];
  let inside = 0;
  let most = 0;
  const section = async (who: string, until: Promise<void> = Promise.resolve()) => {
    most = Math.max(most, ++inside);
    log.push(`${who} in`);
    await until;
    log.push(`${who} out`);
    inside -= 1;
  };
  return { log, section, most: () => most };
}

describe('a lock entered again from inside', () => {
  it('costs no command, and has the same fencing token, however deep and by whatever way the call came', async () => {
    const { locks, asked } = countedLocks();
    const emitter = new EventEmitter();
    const tokens: number[] = [];
    const note = (lease: Lease) => void tokens.push(lease.fencingToken);
    await locks.using(NAME, async (outer) => {
      note(outer);
      await locks.using(NAME, (inner) => {
        note(inner);
        return locks.using(NAME, note);
      });
      await new Promise<void>((resolve) => setImmediate(() => resolve(locks.using(NAME, note))));
      const heard = new Promise((resolve) => emitter.once('event', () => resolve(locks.using(NAME, note))));
      emitter.emit('event');
      await heard;
      note((await locks.tryAcquire(NAME))!);
    });
    expect(new Set(tokens).size).toBe(1);
    expect(tokens).toHaveLength(6);
    expect(asked).toEqual(['acquire']); // the last one was never given back
  });

  it('is one lock: one event when it is acquired and one when it is released, one lock in held()', async () => {
    const locks = new ManualLocks().open();
    await locks.using(
      NAME,
      async () => {
        await locks.using(NAME, () => undefined, { label: 'inner' });
        await locks.using(NAME, () => expect(locks.held()).toHaveLength(1));
      },
      { label: 'outer' },
    );
    const told = locks.events.map(({ event, ...rest }) => [event, 'label' in rest && rest.label]);
    expect(told).toEqual([
      ['acquired', 'outer'],
      ['released', 'outer'],
    ]);
  });

  it('is not given away by the one who leaves, but by the last who does', async () => {
    const { locks, other, turn } = countedLocks();
    const child = gate();
    let left!: Promise<unknown>;
    await locks.using(NAME, async () => {
      left = locks.using(NAME, () => child.opened);
      await turn();
    });
    // The outer work has ended, and its caller has gone on.
    expect(await other.tryAcquire(NAME)).toBeNull();
    expect(locks.events.map(({ event }) => event)).toEqual(['acquired']);
    child.open();
    await left;
    await turn();
    expect(locks.events.map(({ event }) => event)).toEqual(['acquired', 'released']);
    expect(await other.tryAcquire(NAME)).not.toBeNull();
  });

  it('is acquired afresh by who asks after the lease has ended, also while a child is still inside', async () => {
    const { locks, asked, turn } = countedLocks();
    const child = gate();
    const order: string[] = [];
    let late!: Promise<unknown>;
    await locks.using(NAME, async (outer) => {
      void locks.using(NAME, () => child.opened.then(() => order.push('child left')));
      await turn();
      expect(await outer.release()).toBe('released');
      late = locks.using(NAME, ({ fencingToken }) =>
        order.push(fencingToken > outer.fencingToken ? 'afresh' : 'again'),
      );
      await turn();
    });
    expect([outerState(locks), order]).toEqual([1, []]);
    child.open();
    await late;
    expect(order).toEqual(['child left', 'afresh']);
    expect(asked.filter((word) => word === 'acquire')).toHaveLength(1); // it went from hand to hand in this process
  });

  it('is entered by a plain acquire, too, which opens no frame of its own until its lease runs work', async () => {
    const { locks, asked } = countedLocks();
    const other = await locks.acquire('group:2');
    await locks.using(NAME, async () => {
      const inner = await locks.acquire(NAME);
      expect(await locks.tryAcquire(NAME)).toBeNull(); // beside it, not inside of it
      await inner.using(() => locks.using(NAME, () => undefined));
      expect(inner.state).toBe('released');
    });
    expect(await locks.tryAcquire('group:2')).toBeNull();
    await other.using(async () => expect((await locks.tryAcquire('group:2'))?.state).toBe('held'));
    expect(asked.filter((word) => word === 'acquire')).toHaveLength(2);
  });

  it('keeps its own options: a nested call changes neither lease nor renewal, and may make it longer', async () => {
    const { locks, clock } = countedLocks({ leaseMs: 30_000 });
    await locks.using(NAME, async (outer) => {
      const inner = (await locks.acquire(NAME, { leaseMs: 500, renew: false }))!;
      expect([inner.leaseMs, inner.renews]).toEqual([30_000, true]);
      await clock.advanceAsync(60_000);
      expect([outer.state, inner.state]).toEqual(['held', 'held']);
      await inner.extend(100_000);
      expect(outer.remainingMs()).toBeGreaterThan(90_000);
      await inner.release();
      expect(outer.state).toBe('held');
    });
  });

  it('is lost for all who are inside, each with an error of its own, and told once', async () => {
    const { locks, other, turn } = countedLocks();
    const results = await locks
      .using(NAME, async (outer) => {
        const inner = await locks.acquire(NAME);
        const nested = inner.using(async (lease) => {
          await other.forceRelease(NAME, 'an operator');
          await turn();
          return lease.signal.aborted;
        });
        await expect(nested).rejects.toMatchObject({ code: 'LOCK_LOST', result: true });
        return [outer.state, inner.state, outer.signal.reason !== inner.signal.reason];
      })
      .catch((error: unknown) => (error as LockLostError).result);
    expect(results).toEqual(['lost', 'lost', true]);
    expect(locks.events.filter(({ event }) => event === 'lost')).toHaveLength(1);
  });
});

function outerState(locks: { held(): unknown[] }): number {
  return locks.held().length;
}

describe('siblings inside one lock', () => {
  it('exclude each other, first come first served', async () => {
    const { locks, asked } = countedLocks();
    const { log, section, most } = sections();
    await locks.using(NAME, () =>
      Promise.all(['a', 'b', 'c'].map((who) => locks.using(NAME, () => section(who)))),
    );
    expect(most()).toBe(1);
    expect(log).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
    expect(asked).toEqual(['acquire', 'release']);
  });

  it('do not keep out what one of them calls itself', async () => {
    const { locks } = countedLocks();
    const { log, section, most } = sections();
    const nested = (who: string) => locks.using(NAME, () => locks.using(NAME, () => section(who)));
    await locks.using(NAME, () => Promise.all([nested('a'), nested('b')]));
    expect([most(), log.length]).toEqual([1, 4]);
  });

  it('exclude each other on a name that the lock around them does not have, as anybody does', async () => {
    const { locks } = countedLocks();
    const { section, most } = sections();
    const further = (who: string) => locks.using('group:2', () => section(who));
    await locks.using(NAME, () => Promise.all([further('a'), further('b'), further('c')]));
    expect(most()).toBe(1);
  });

  it('wait no longer than they are willing to, and say for what', async () => {
    const { locks, clock, turn } = countedLocks();
    const first = gate();
    await locks.using(NAME, async () => {
      const a = locks.using(NAME, () => first.opened);
      const b = locks.using(NAME, () => 'b', { waitMs: 50 });
      const c = locks.using(NAME, () => 'c');
      await expect(locks.acquire(NAME, { waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
      const told = failureOf(b);
      await clock.advanceAsync(50);
      expect((await told).message).toContain('another part of it (as in Promise.all) is inside');
      first.open();
      await turn();
      expect(await c).toBe('c');
      await a;
    });
  });

  it('leave when their signal says so', async () => {
    const { locks, turn } = countedLocks();
    const stop = new AbortController();
    const first = gate();
    await locks.using(NAME, async () => {
      const a = locks.using(NAME, () => first.opened);
      const b = locks.using(NAME, () => 'b', { signal: stop.signal });
      await turn();
      stop.abort(new Error('changed my mind'));
      await expect(b).rejects.toThrow('changed my mind');
      first.open();
      await a;
    });
  });

  it('are refused when too many of them wait', async () => {
    const { locks, turn } = countedLocks({ maxWaiters: 1 });
    const first = gate();
    await locks.using(NAME, async () => {
      const a = locks.using(NAME, () => first.opened);
      const b = locks.using(NAME, () => 'b');
      await turn();
      await expect(locks.acquire(NAME)).rejects.toMatchObject({ code: 'LOCK_QUEUE_FULL' });
      first.open();
      expect(await b).toBe('b');
      await a;
    });
  });

  it('that wait when the lock is lost acquire it afresh', async () => {
    const { locks, other, turn } = countedLocks();
    const first = gate();
    const afresh: number[] = [];
    const outer = locks.using(NAME, async (lease) => {
      const a = locks.using(NAME, () => first.opened).catch(() => undefined);
      const b = locks.using(NAME, (again) => void afresh.push(again.fencingToken - lease.fencingToken));
      await turn();
      await other.forceRelease(NAME, 'an operator');
      await turn();
      await b;
      first.open();
      await a;
    });
    await expect(outer).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(afresh).toEqual([expect.any(Number)]);
    expect(afresh[0]).toBeGreaterThan(0);
  });

  it('let the event loop turn, however many they are', async () => {
    const { locks, work, turn } = countedLocks();
    let done = 0;
    const section = () => {
      work(0.05);
      done += 1;
    };
    const all = locks.using(NAME, () =>
      Promise.all(Array.from({ length: 200 }, () => locks.using(NAME, section))),
    );
    await new Promise(setImmediate); // all that needs no turn of the clock's loop
    expect(done).toBeLessThan(50);
    await turn();
    await all;
    expect(done).toBe(200);
  });
});

describe('who does not want to enter again', () => {
  it('is told at once with reentrant: false, of the call and of the manager', async () => {
    const { locks } = countedLocks();
    const nested = locks.using(NAME, () => locks.acquire(NAME, { reentrant: false }));
    await expect(nested).rejects.toMatchObject({ code: 'LOCK_REENTRANT', lockName: NAME });
    const strict = new ManualLocks().open({ reentrant: false });
    await expect(strict.using(NAME, () => strict.tryAcquire(NAME))).rejects.toThrow(
      'leave out reentrant: false',
    );
  });

  it('leaves the lock with detached: what it acquires is its own, and waits as anybody does', async () => {
    const { locks, turn } = countedLocks();
    const order: string[] = [];
    let detached!: Promise<unknown>;
    await locks.using(NAME, async () => {
      detached = locks.detached(() => locks.using(NAME, () => order.push('detached')));
      await turn();
      order.push('outer');
    });
    await detached;
    expect(order).toEqual(['outer', 'detached']);
  });
});

describe('closing', () => {
  it('lets those who are inside enter again while they finish, and nobody else', async () => {
    const { locks, turn } = countedLocks();
    const go = gate();
    const work = locks.using(NAME, async () => {
      await go.opened;
      return locks.using(NAME, () => 'finished');
    });
    await turn();
    const closed = locks.close();
    await expect(locks.acquire(NAME)).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    go.open();
    expect(await work).toBe('finished');
    await closed;
  });
});
