import { type Adapter, type LockClient, RENEW_AT, type Work } from './adapter.js';

/** Does not lock at all, very fast. For the tests: every scenario must refuse it. */
export const broken: Adapter = {
  id: 'broken',
  label: 'no lock at all',
  packageName: '',
  setUp: 'runs the work at once',
  renewsAt: RENEW_AT,
  severalNames: true,
  shared: true,
  limits: true,
  open: async () => ({
    using: (_name, work) => work(),
    usingAll: (_names, work) => work(),
    usingShared: (_name, work) => work(),
    usingLimited: (_name, _limit, work) => work(),
    close: async () => {},
  }),
};

/** Locks within one client, which is all that a mutex in memory can do. For the tests as well. */
function openLocal(): LockClient {
  const last = new Map<string, Promise<unknown>>();
  let turn = 0;
  const usingAll = (names: readonly string[], work: Work): Promise<unknown> => {
    const mine = Promise.all(names.map(async (name) => last.get(name))).then(work);
    for (const name of names) last.set(name, mine);
    return mine;
  };
  return {
    using: (name, work) => usingAll([name], work),
    usingAll,
    usingShared: (name, work) => usingAll([name], work),
    usingLimited: (name, limit, work) => usingAll([`${name}:${turn++ % limit}`], work),
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
