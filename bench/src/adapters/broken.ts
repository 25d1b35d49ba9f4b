import { type Adapter, type LockClient, RENEW_AT } from './adapter.js';

/** Does not lock at all, very fast. For the tests: every scenario must refuse it. */
export const broken: Adapter = {
  id: 'broken',
  label: 'no lock at all',
  packageName: '',
  setUp: 'runs the work at once',
  renewsAt: RENEW_AT,
  open: async () => ({ using: (_name, work) => work(), close: async () => {} }),
};

/** Locks within one client, which is all that a mutex in memory can do. For the tests as well. */
function openLocal(): LockClient {
  const last = new Map<string, Promise<unknown>>();
  return {
    using(name, work) {
      const mine = (last.get(name) ?? Promise.resolve()).then(work);
      last.set(name, mine);
      return mine;
    },
    close: async () => {},
  };
}

export const brokenLocal: Adapter = {
  ...broken,
  id: 'broken-local',
  label: 'a mutex in memory',
  setUp: 'a chain of promises per client',
  open: async () => openLocal(),
};
