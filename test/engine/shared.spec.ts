import { describe, expect, it } from '@jest/globals';
import { type Lease, type LockManagerOptions, LockStoreError } from '../../lib/index.js';
import { countedLocks } from '../support/counted-locks.js';
import { failureOf } from '../support/failure-of.js';

const NAME = 'report:1';
const SHARED = { mode: 'shared' } as const;

/** Readers and a writer, in processes of their own. */
function open(options: Partial<LockManagerOptions> = {}) {
  const counted = countedLocks(options);
  const { locks, other, turn } = counted;
  const read = (waitMs = 10_000) => locks.acquire(NAME, { ...SHARED, waitMs });
  const write = (waitMs = 10_000) => other.acquire(NAME, { waitMs });
  return { ...counted, read, write, turn };
}

describe('a shared lock', () => {
  it('lets readers in together, of one process and of several, and writers alone', async () => {
    const { locks, other, read } = open();
    const readers = [await read(), await read(), await other.acquire(NAME, SHARED)];
    expect(readers.map(({ state, mode }) => `${state} ${mode}`)).toEqual(Array(3).fill('held shared'));
    expect(await other.tryAcquire(NAME)).toBeNull();
    for (const reader of readers) await reader.release();
    const writer = (await other.tryAcquire(NAME)) as Lease;
    expect(writer.mode).toBe('exclusive');
    expect(await locks.tryAcquire(NAME, SHARED)).toBeNull();
    expect(writer.fencingToken).toBeGreaterThan(Math.max(...readers.map(({ fencingToken }) => fencingToken)));
  });

  it('is one hold for the readers of a process within a slice: one command, one token, given back by the last', async () => {
    const { locks, asked, other, read } = open();
    const readers = await Promise.all(Array.from({ length: 50 }, () => read()));
    expect(new Set(readers.map(({ fencingToken }) => fencingToken)).size).toBe(1);
    expect(asked).toEqual(['acquire']);
    expect(locks.held()).toHaveLength(50);
    for (const reader of readers.slice(1)) await reader.release();
    expect([asked, await other.tryAcquire(NAME)]).toEqual([['acquire'], null]);
    await readers[0]!.release();
    expect(asked).toEqual(['acquire', 'release']);
  });

  it('is asked for anew when the slice is over, so that a writer waits for those inside and one slice, however many readers come', async () => {
    const { clock, read, write, turn } = open({ cohortMs: 10 });
    const first = await read();
    const writing = write();
    await turn();
    const joined = await read(); // within the slice nobody has asked
    await clock.advanceAsync(10);
    const late = read();
    await turn();
    await first.release();
    await joined.release();
    const writer = await writing;
    let isIn = false;
    void late.then(() => (isIn = true));
    await turn();
    expect([writer.state, isIn]).toEqual(['held', false]);
    await writer.release();
    expect((await late).fencingToken).toBeGreaterThan(writer.fencingToken);
  });

  it('is not joined while a writer of this process waits', async () => {
    const { locks, read, turn } = open();
    const first = await read();
    const writing = locks.acquire(NAME);
    await turn();
    const late = read();
    await turn();
    await first.release();
    const writer = await writing;
    await writer.release();
    expect((await late).fencingToken).toBeGreaterThan(writer.fencingToken);
  });

  it('lets the readers that wait behind a writer in together', async () => {
    const { asked, read, write, turn } = open();
    const writer = await write();
    const reading = Promise.all([read(), read(), read()]);
    await turn();
    await writer.release();
    expect(new Set((await reading).map(({ fencingToken }) => fencingToken)).size).toBe(1);
    expect(asked).toEqual(['acquire']);
  });

  it('is a hold of its own for a reader that is not renewed, or asks for a longer lease', async () => {
    const { locks, asked, read } = open();
    await read();
    await locks.acquire(NAME, { ...SHARED, leaseMs: 60_000 });
    await locks.acquire(NAME, { ...SHARED, renew: false });
    expect(asked).toEqual(['acquire', 'acquire', 'acquire']);
  });

  it('is lost for all readers behind one hold, each with an event and an error of its own', async () => {
    const { locks, other, read, turn } = open();
    const readers = [await read(), await read()];
    await other.forceRelease(NAME, 'an operator', { fencingToken: readers[0]!.fencingToken });
    await turn();
    expect(readers.map(({ state }) => state)).toEqual(['lost', 'lost']);
    expect(readers[0]!.signal.reason).not.toBe(readers[1]!.signal.reason);
    expect(locks.events.filter(({ event }) => event === 'lost')).toHaveLength(2);
  });

  it('is ended by force one by one with its token, or all at once', async () => {
    const { other, read, turn } = open();
    const [mine, theirs] = [await read(), await other.acquire(NAME, SHARED)];
    await other.forceRelease(NAME, 'an operator', { fencingToken: mine.fencingToken });
    await turn();
    expect([mine.state, theirs.state]).toEqual(['lost', 'held']);
    await other.forceRelease(NAME, 'an operator');
    await turn();
    expect(theirs.state).toBe('lost');
  });

  it('lets readers inside enter again together, and refuses a writer inside with the way out', async () => {
    const { locks } = open();
    let inside = 0;
    let most = 0;
    const nested = () =>
      locks.using(
        NAME,
        async () => {
          most = Math.max(most, ++inside);
          await Promise.resolve();
          inside -= 1;
        },
        SHARED,
      );
    await locks.using(NAME, () => Promise.all([nested(), nested(), nested()]), SHARED);
    expect(most).toBe(3);
    const writing = locks.using(NAME, () => locks.acquire(NAME), SHARED);
    await expect(writing).rejects.toMatchObject({ code: 'LOCK_REENTRANT' });
    await expect(writing).rejects.toThrow('lease.upgrade()');
  });

  it('inside of an exclusive one: readers run together there, and not beside a writer', async () => {
    const { locks } = open();
    const log: string[] = [];
    const nested = (who: string, mode: 'shared' | 'exclusive') =>
      locks.using(
        NAME,
        async () => {
          log.push(`${who} in`);
          await Promise.resolve();
          log.push(`${who} out`);
        },
        { mode },
      );
    await locks.using(NAME, () =>
      Promise.all([
        nested('a', 'shared'),
        nested('b', 'shared'),
        nested('w', 'exclusive'),
        nested('c', 'shared'),
      ]),
    );
    expect(log).toEqual(['a in', 'b in', 'a out', 'b out', 'w in', 'w out', 'c in', 'c out']);
  });
});

describe('an upgradeable lock', () => {
  const UPGRADEABLE = { mode: 'upgradeable' } as const;

  it('goes beside readers, one at a time, and is exclusive with a new token as soon as they have left', async () => {
    const { locks, other, read, turn } = open();
    const reader = await read();
    const lease = await other.acquire(NAME, UPGRADEABLE);
    expect(await locks.tryAcquire(NAME, UPGRADEABLE)).toBeNull();
    const before = lease.fencingToken;
    const upgrading = lease.upgrade();
    await turn();
    const late = locks.acquire(NAME, { ...SHARED, cohortMs: 0 });
    await turn();
    expect(lease.mode).toBe('upgradeable');
    await reader.release();
    await upgrading;
    expect([lease.mode, lease.state]).toEqual(['exclusive', 'held']);
    expect(lease.fencingToken).toBeGreaterThan(Math.max(before, reader.fencingToken));
    await lease.release();
    expect((await late).fencingToken).toBeGreaterThan(lease.fencingToken);
  });

  it('stays upgradeable when the readers do not leave in time, and lets readers in again', async () => {
    const { clock, other, read } = open();
    await read();
    const lease = await other.acquire(NAME, UPGRADEABLE);
    const upgrading = lease.upgrade({ waitMs: 100 });
    const refused = failureOf(upgrading);
    await clock.advanceAsync(100);
    expect(await refused).toMatchObject({ code: 'LOCK_BUSY' });
    await expect(lease.upgrade({ waitMs: 0 })).rejects.toMatchObject({ code: 'LOCK_BUSY' });
    const stop = new AbortController();
    const aborted = failureOf(lease.upgrade({ signal: stop.signal }));
    stop.abort(new Error('enough'));
    expect((await aborted).message).toContain('enough');
    expect([lease.mode, lease.state]).toEqual(['upgradeable', 'held']);
    expect(await other.tryAcquire(NAME, SHARED)).not.toBeNull();
  });

  it('ends its upgrade when it is lost', async () => {
    const { locks, other, read, turn } = open();
    await read();
    const lease = await other.acquire(NAME, UPGRADEABLE);
    const upgrading = failureOf(lease.upgrade());
    await turn();
    await locks.forceRelease(NAME, 'an operator', { fencingToken: lease.fencingToken });
    expect(await upgrading).toMatchObject({ code: 'LOCK_LOST' });
  });

  it('goes down to shared with its token, and lets readers in', async () => {
    const { locks, other, turn } = open();
    const lease = await other.acquire(NAME);
    const reading = locks.acquire(NAME, SHARED);
    await turn();
    const { fencingToken } = lease;
    await lease.downgrade();
    expect([lease.mode, lease.fencingToken]).toEqual(['shared', fencingToken]);
    expect((await reading).fencingToken).toBeGreaterThan(fencingToken);
    expect(await locks.tryAcquire(NAME)).toBeNull();
    await lease.release();
  });

  it('counts as shared from the call on, because readers may be inside before its answer comes', async () => {
    const { locks } = open();
    const lease = await locks.acquire(NAME);
    const going = lease.downgrade();
    expect(lease.mode).toBe('shared');
    await going;
    await expect(lease.downgrade()).rejects.toThrow('is shared already');
  });

  it.each([
    ['was executed', true],
    ['was not executed', false],
  ])('that got no answer to its downgrade, which %s, asks again and lets readers in', async (_, executed) => {
    const noAnswer = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const asked: string[] = [];
    const { locks, other, turn } = countedLocks({}, (store) => ({
      downgrade: async (hold) => {
        asked.push(hold.name);
        if (asked.length > 1 || executed) await store.downgrade!(hold);
        if (asked.length === 1) throw noAnswer;
      },
    }));
    const lease = await locks.acquire(NAME);
    const reading = other.acquire(NAME, SHARED);
    await turn();
    await expect(lease.downgrade()).rejects.toBe(noAnswer);
    expect([lease.mode, lease.state]).toEqual(['shared', 'held']);
    await lease.downgrade();
    expect((await reading).state).toBe('held');
    await expect(lease.downgrade()).rejects.toThrow('is shared already');
    expect(asked).toHaveLength(2);
  });

  it('is not handed on in this process once it has gone down: who wants it alone waits for the readers', async () => {
    const { locks, other, turn } = open();
    const lease = await locks.acquire(NAME);
    const writing = locks.acquire(NAME);
    await turn();
    await lease.downgrade();
    const reader = await other.acquire(NAME, { ...SHARED, waitMs: 0 }).catch(() => undefined);
    expect(reader).toBeUndefined(); // the writer is first
    const reading = other.acquire(NAME, SHARED);
    await turn();
    await lease.release();
    const writer = await writing;
    expect(await other.inspect(NAME)).toMatchObject({ mode: 'exclusive' });
    await writer.release();
    expect((await reading).mode).toBe('shared');
  });

  it('is refused what it cannot become, with an explanation', async () => {
    const { locks, read } = open();
    const [shared] = [await read()];
    await expect(shared.upgrade()).rejects.toThrow("acquire it with mode: 'upgradeable'");
    await expect(shared.downgrade()).rejects.toThrow('is shared already');
    await shared.release();
    const lease = await locks.acquire(NAME);
    await expect(lease.upgrade()).rejects.toThrow('is exclusive already');
    await lease.using(async () => {
      const inner = await locks.acquire(NAME);
      await expect(lease.downgrade()).rejects.toMatchObject({ code: 'LOCK_REENTRANT' });
      await expect(inner.downgrade()).rejects.toMatchObject({ code: 'LOCK_REENTRANT' });
      await inner.release();
    });
    await expect(lease.downgrade()).rejects.toMatchObject({ code: 'LOCK_RELEASED' });
    const lost = await locks.acquire(NAME);
    await locks.forceRelease(NAME, 'an operator');
    await expect(lost.downgrade()).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });
});
