import { describe, expect, it } from '@jest/globals';
import type { RefusedEvent } from '../../lib/lock-events.js';
import { LockBusyError, LockStoreError } from '../../lib/lock-errors.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { failureOf } from '../support/failure-of.js';
import { ManualLocks } from '../support/manual-locks.js';

function open(spoil?: (store: LockStore) => Partial<LockStore>) {
  const process = new ManualLocks();
  const locks = process.open({}, spoil);
  const refused: RefusedEvent[] = [];
  locks.on('refused', (event) => void refused.push(event));
  return { clock: process.clock, locks, other: process.open(), refused };
}

describe('the event «refused»', () => {
  it('tells who was refused what, why, and how long it had waited', async () => {
    const { clock, locks, other, refused } = open();
    await other.acquire('group:1');
    const options = { waitMs: 300, label: 'Groups.join', template: 'group:<id>' };
    const failure = failureOf(locks.acquire('group:1', options));
    await clock.advanceAsync(300);
    expect(await failure).toBeInstanceOf(LockBusyError);
    expect(refused).toEqual([
      {
        name: 'group:1',
        names: ['group:1'],
        label: 'Groups.join',
        template: 'group:<id>',
        mode: 'exclusive',
        reason: 'busy',
        waitedMs: 300,
      },
    ]);
  });

  it('is sent when somebody who does not wait gets null, an error or nothing', async () => {
    const { locks, other, refused } = open();
    await other.acquire('a');
    expect(await locks.tryAcquire('a')).toBeNull();
    expect(await locks.tryUsing('a', () => 1)).toEqual({ acquired: false });
    expect(await failureOf(locks.acquire('a', { waitMs: 0 }))).toBeInstanceOf(LockBusyError);
    expect(refused.map(({ reason, name }) => `${reason} ${name}`)).toEqual(['busy a', 'busy a', 'busy a']);
  });

  it('says «skipped» for one who leaves its work out when the lock is busy', async () => {
    const { locks, other, refused } = open();
    await other.acquire('a');
    await locks.tryAcquire('a', { skipsWhenBusy: true });
    await failureOf(locks.acquire('a', { waitMs: 0, skipsWhenBusy: true }));
    expect(refused.map(({ reason }) => reason)).toEqual(['skipped', 'skipped']);
  });

  it('is sent once for several names, and names the one that was busy', async () => {
    const { clock, locks, other, refused } = open();
    await other.acquire('b');
    expect(await locks.tryAcquire(['c', 'a', 'b'])).toBeNull();
    const failure = failureOf(locks.acquire(['c', 'a', 'b'], { waitMs: 200 }));
    await clock.advanceAsync(200);
    await failure;
    const told = { name: 'b', names: ['a', 'b', 'c'], reason: 'busy' };
    expect(refused).toEqual([
      expect.objectContaining({ ...told, waitedMs: 0 }),
      expect.objectContaining({ ...told, waitedMs: 200 }),
    ]);
  });

  it('says «aborted» for one whose signal ends the wait, or had ended it before, whatever the reason is', async () => {
    const { clock, locks, other, refused } = open();
    await other.acquire('a');
    const stop = new AbortController();
    const waiting = failureOf(locks.acquire('a', { signal: stop.signal }));
    await clock.advanceAsync(40);
    stop.abort(new LockBusyError('another', { retryAfterMs: 0 }));
    await waiting;
    await failureOf(locks.acquire('a', { signal: stop.signal }));
    await failureOf(locks.tryAcquire(['b', 'a', 'b'], { signal: stop.signal }));
    expect(refused.map(({ reason, waitedMs, names }) => [reason, waitedMs, ...names])).toEqual([
      ['aborted', 40, 'a'],
      ['aborted', 0, 'a'],
      ['aborted', 0, 'b', 'a'],
    ]);
  });

  it('says «full» where too many wait, and «closed» for who waits or comes when the manager closes', async () => {
    const { locks, other, refused } = open();
    await other.acquire('a');
    const waiting = failureOf(locks.acquire('a', { maxWaiters: 1 }));
    await failureOf(locks.acquire('a', { maxWaiters: 1 }));
    await locks.close();
    await waiting;
    await failureOf(locks.acquire('a'));
    await failureOf(locks.tryAcquire(['a', 'b']));
    expect(refused.map(({ reason }) => reason)).toEqual(['full', 'closed', 'closed', 'closed']);
  });

  it('says «store-error» when the store fails', async () => {
    const down = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no connection');
    const { locks, refused } = open(() => ({ acquire: () => Promise.reject(down) }));
    await failureOf(locks.acquire('a'));
    await failureOf(locks.tryAcquire('a'));
    await failureOf(locks.acquire(['a', 'b']));
    expect(refused.map(({ reason }) => reason)).toEqual(['store-error', 'store-error', 'store-error']);
  });

  it('is not sent for a wrong call, nor for a loss, which has an event of its own', async () => {
    const { locks, refused } = open();
    await failureOf(locks.acquire(''));
    await failureOf(locks.acquire('a', { waitMs: -1 }));
    await locks.using('a', () => failureOf(locks.acquire('a', { reentrant: false })));
    expect(refused).toEqual([]);
  });

  it('is sent for each who was refused inside of a lock of its own call chain', async () => {
    const { clock, locks, refused } = open();
    await locks.using('a', async () => {
      const inner = await locks.acquire('a');
      const failure = failureOf(locks.acquire('a', { waitMs: 50 }));
      await clock.advanceAsync(50);
      await failure;
      await inner.release();
    });
    expect(refused.map(({ reason, waitedMs }) => [reason, waitedMs])).toEqual([['busy', 50]]);
  });

  it('is heard outside of the locks that its caller is inside of', async () => {
    const { locks, other } = open();
    await other.acquire('a');
    const entered: unknown[] = [];
    locks.on('refused', ({ name }) => {
      if (name === 'a') void locks.tryAcquire('b').then((lease) => entered.push(lease));
    });
    await locks.using('b', () => locks.tryAcquire('a'));
    expect(entered).toEqual([null]);
  });

  it.each([
    [{ template: 7 }, /template must be a string of at most 256 characters, got 7/],
    [{ template: 'x'.repeat(257) }, /template must be a string of at most 256 characters/],
    [{ skipsWhenBusy: 1 }, /skipsWhenBusy must be true or false, got 1/],
  ])('its options are checked: %#', async (options, message) => {
    const { locks } = open();
    expect(await failureOf(locks.acquire('a', options as never))).toMatchObject({
      code: 'LOCK_OPTIONS_INVALID',
      message: expect.stringMatching(message),
    });
  });
});
