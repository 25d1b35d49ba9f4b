import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it, jest } from '@jest/globals';
import { ManualLocks } from '../support/manual-locks.js';

describe('frames', () => {
  it('share one AsyncLocalStorage over all managers, because Node carries each along with every promise for ever', async () => {
    const run = jest.spyOn(AsyncLocalStorage.prototype, 'run');
    for (let i = 0; i < 3; i++) {
      const locks = new ManualLocks().open();
      await locks.using('group:1', () => undefined);
      await locks.close();
    }
    expect(new Set(run.mock.contexts).size).toBe(1);
  });

  it('of another manager do not count: the same name may be another lock there', async () => {
    const [one, two] = [new ManualLocks().open(), new ManualLocks().open()];
    const inside = one.using('group:1', () => two.using('group:1', () => 'both'));
    await expect(inside).resolves.toBe('both');
    const nested = one.using('group:1', () => two.using('group:2', () => one.tryAcquire('group:1')));
    expect((await nested)?.state).toBe('held'); // entered again, from inside of the other one's
  });
});
