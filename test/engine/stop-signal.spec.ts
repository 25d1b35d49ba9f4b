import { describe, expect, it, jest } from '@jest/globals';
import { Stop } from '../../lib/runtime/stop-signal.js';
import { ManualLocks } from '../support/manual-locks.js';

describe('a stop', () => {
  it('tells its listener once, with the first reason', () => {
    const stop = new Stop();
    const listener = jest.fn();
    stop.addEventListener('abort', listener);
    const reason = new Error('closing');
    stop.abort(reason);
    stop.abort(new Error('again'));
    expect(listener).toHaveBeenCalledTimes(1);
    expect([stop.aborted, stop.reason]).toEqual([true, reason]);
  });

  it('is aborted when its listener looks', () => {
    const stop = new Stop();
    const seen: boolean[] = [];
    stop.addEventListener('abort', () => seen.push(stop.aborted));
    stop.abort(new Error('closing'));
    expect(seen).toEqual([true]);
  });

  it('tells nobody who has left, and one who was replaced cannot take the other away', () => {
    const stop = new Stop();
    const [left, replaced, present] = [jest.fn(), jest.fn(), jest.fn()];
    stop.addEventListener('abort', left);
    stop.removeEventListener('abort', left);
    stop.addEventListener('abort', replaced);
    stop.addEventListener('abort', present);
    stop.removeEventListener('abort', replaced);
    stop.abort(new Error('closing'));
    expect([left, replaced, present].map(({ mock }) => mock.calls.length)).toEqual([0, 0, 1]);
  });

  it('without a listener only remembers', () => {
    const stop = new Stop();
    stop.abort('why');
    expect([stop.aborted, stop.reason]).toEqual([true, 'why']);
  });

  it('of a caller ends its wait with the reason given: before it, during it, and not once the lock is held', async () => {
    const process = new ManualLocks();
    const [locks, other] = [process.open(), process.open()];
    const reason = new Error('the client went away');
    const before = new Stop();
    before.abort(reason);
    await expect(locks.acquire('group:1', { signal: before })).rejects.toBe(reason);
    await expect(locks.tryAcquire('group:1', { signal: before })).rejects.toBe(reason);

    const holder = await other.acquire('group:1');
    const [during, served] = [new Stop(), new Stop()];
    const waiting = locks.acquire('group:1', { signal: during });
    const behind = locks.acquire('group:1', { signal: served });
    await process.clock.advanceAsync(10);
    during.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await holder.release();
    const lease = await behind;
    served.abort(reason);
    expect(lease.state).toBe('held');
  });
});
