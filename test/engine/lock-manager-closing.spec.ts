import { describe, expect, it, jest } from '@jest/globals';
import type { StopSignal } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

function open(...[options, spoil]: Parameters<ManualLocks['open']>) {
  const process = new ManualLocks();
  return { process, clock: process.clock, locks: process.open(options, spoil), other: process.open() };
}

function raise(): never {
  throw new Error('a bug in the store');
}

/** The same signal; `onAbort` is told before its listener is. */
function heard(signal: StopSignal, onAbort: () => void): StopSignal {
  let told: (() => void) | undefined;
  return {
    get aborted() {
      return signal.aborted;
    },
    get reason() {
      return signal.reason;
    },
    addEventListener: (type, listener) => {
      told = () => {
        onAbort();
        listener();
      };
      signal.addEventListener(type, told);
    },
    removeEventListener: (type) => {
      if (told !== undefined) signal.removeEventListener(type, told);
    },
  };
}

describe('closing', () => {
  it('a grant that is on its way while the manager closes is given back', async () => {
    let answerLater!: () => void;
    const { locks, other } = open({}, (store) => ({
      acquire: async (request, signal) => {
        const answer = await store.acquire(request, signal);
        await new Promise<void>((resolve) => (answerLater = resolve));
        return answer;
      },
    }));
    const acquiring = locks.tryAcquire('group:1');
    await new Promise(setImmediate);
    const closing = locks.close();
    answerLater();
    await expect(acquiring).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    await closing;
    expect(await other.isLocked('group:1')).toBe(false);
  });

  it('does not wait for drainMs when nothing is held, and no longer than the last holder needs', async () => {
    const { locks, clock } = open({ drainMs: 60_000 });
    const lease = await locks.acquire('group:1');
    let closed = false;
    const closing = locks.close().then(() => (closed = true));
    await clock.advanceAsync(500);
    expect([closed, lease.state]).toEqual([false, 'held']);
    await lease.release();
    await closing;
    await expect(open().locks.close()).resolves.toBeUndefined();
  });

  it('is granted to no more before it turns its waiters away, so that nobody passes a lock to one who leaves', async () => {
    const order: string[] = [];
    const { locks, other } = open({}, (store) => ({
      acquire: (request, signal) =>
        store.acquire(
          request,
          heard(signal, () => order.push('a waiter left')),
        ),
      stopGranting: () => {
        order.push('no more grants');
        return store.stopGranting();
      },
    }));
    await other.acquire('group:1');
    const waiting = locks.acquire('group:1').catch((error: { code: string }) => error.code);
    await new Promise(setImmediate);
    await locks.close();
    expect(await waiting).toBe('LOCK_CLOSED');
    expect(order).toEqual(['no more grants', 'a waiter left']);
  });

  it('keeps renewing while it drains', async () => {
    const { locks, clock } = open({ drainMs: 60_000, leaseMs: 1000 });
    const lease = await locks.acquire('group:1');
    void locks.close();
    await clock.advanceAsync(20_000);
    expect(lease.state).toBe('held');
  });

  it('tells the holders that did not finish: lost, cause «shutdown», signal aborted', async () => {
    const { locks, clock } = open({ drainMs: 100 });
    const { signal } = await locks.acquire('group:1');
    const closing = locks.close();
    await clock.advanceAsync(99);
    expect(signal.aborted).toBe(false);
    await clock.advanceAsync(1);
    await closing;
    expect(signal.reason).toMatchObject({ code: 'LOCK_LOST', cause: 'shutdown' });
  });

  it('those leases are lost before their locks are given away, so that two sections never run', async () => {
    const atRelease: unknown[] = [];
    const { locks, clock } = open({ drainMs: 100 }, (store) => ({
      release: (hold) => {
        atRelease.push(lease.state);
        return store.release(hold);
      },
    }));
    const lease = await locks.acquire('group:1');
    const closing = locks.close();
    await clock.advanceAsync(100);
    await closing;
    expect(atRelease).toEqual(['lost']);
  });

  it.each([
    ['throws', (): Promise<never> => raise()],
    ['rejects', async (): Promise<never> => raise()],
    ['returns nothing', () => undefined as unknown as Promise<never>],
  ])('never rejects, although every step of a foreign store %s, and says so', async (does, step) => {
    const { locks, clock } = open({ drainMs: 100 }, (store) => ({
      release: step,
      stopGranting: step,
      close: async () => {
        await store.close();
        return step();
      },
    }));
    const warned: string[] = [];
    locks.on('warning', ({ message }) => warned.push(message));
    const lease = await locks.acquire('group:1');
    const waiting = locks.acquire('group:1').catch((error: { code: string }) => error.code);
    const closing = locks.close();
    await clock.advanceAsync(100);
    await expect(closing).resolves.toBeUndefined();
    expect([await waiting, lease.state]).toEqual(['LOCK_CLOSED', 'lost']);
    const said = Array<string>(does === 'returns nothing' ? 0 : 2);
    expect(warned.slice(1)).toEqual(said.fill('closing the store failed: Error: a bug in the store'));
  });

  it('never rejects, although a foreign store throws when its waits are ended', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { locks } = open({}, () => ({
      acquire: (_request, signal) => {
        signal.addEventListener('abort', () => raise());
        return new Promise(() => undefined);
      },
    }));
    const waiting = ['a', 'b'].map((name) =>
      locks.acquire(name).catch((error: { code: string }) => error.code),
    );
    await expect(locks.close()).resolves.toBeUndefined();
    expect(await Promise.all(waiting)).toEqual(['LOCK_CLOSED', 'LOCK_CLOSED']);
    expect(warned).toHaveBeenCalledTimes(2);
    warned.mockRestore();
  });

  it('takes no more calls from the moment it began', async () => {
    const { locks } = open();
    await locks.acquire('group:1');
    void locks.close();
    const closed = { name: 'LockStoreError', code: 'LOCK_CLOSED' };
    await expect(locks.ready()).rejects.toMatchObject(closed);
    await expect(locks.acquire('group:2')).rejects.toMatchObject(closed);
    await expect(locks.forceRelease('group:2', 'stuck')).rejects.toMatchObject(closed);
    await expect(locks.isLocked('group:2')).rejects.toMatchObject(closed);
  });
});
