import type { AcquireRequest, Grant, LockStore, StopSignal } from '../../lib/stores/lock-store.js';
import type { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import type { Replaced } from '../../lib/testing/contract/contract-bench.js';

/** A bug to be planted in a memory store. */
export type Spoil = (store: LockStore, table: MemoryLockTable) => Replaced;

/** Hears of no abort. */
export const NEVER: StopSignal = {
  aborted: false,
  reason: undefined,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
};

/** Another request reaches the store than was made. */
const asks =
  (change: (request: AcquireRequest) => Partial<AcquireRequest>): Spoil =>
  (store) => ({
    acquire: (request, signal) => store.acquire({ ...request, ...change(request) }, signal),
  });

/** What is refused with an error is «busy» instead. */
const neverRefuses: Spoil = (store) => ({
  acquire: (request, signal) =>
    store.acquire(request, signal).catch(() => ({ outcome: 'busy', retryAfterMs: 0 })),
});

/** A reader who comes to readers is let in at once, whoever waits. */
const readersPass: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const { mode } = await store.inspect(request.name);
    const passes = request.mode === 'shared' && request.wait && mode === 'shared';
    return passes ? inventedGrant(request) : store.acquire(request, signal);
  },
});

function inventedGrant({ name, ownerToken, leaseMs }: AcquireRequest): Grant {
  const hold = { name, ownerToken, fencingToken: 1, lastFencingToken: 1 };
  return { outcome: 'granted', hold, deadlineMs: Infinity, leaseMs };
}

const upgradesBesideReaders: Spoil = () => ({
  upgrade: async (hold) => ({ outcome: 'granted', hold, deadlineMs: Infinity, leaseMs: 1_000 }),
});

const upgradesWithTheOldToken: Spoil = (store) => ({
  upgrade: async (hold, request, signal) => {
    const { fencingToken } = hold;
    const answer = await store.upgrade!(hold, request, signal);
    return Object.assign(hold, { fencingToken }) && answer;
  },
});

const upgradesDeaf: Spoil = (store) => ({
  upgrade: (hold, request, signal) => {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
    return Promise.race([store.upgrade!(hold, request, NEVER), aborted]);
  },
});

const downgradesUnderANewToken: Spoil = (store) => ({
  downgrade: async (hold) => {
    await store.downgrade!(hold);
    Object.assign(hold, { fencingToken: hold.fencingToken + 1 });
  },
});

const sharesAnew: Spoil = (store) => {
  let shares = 0;
  return {
    acquire: (request, signal) => {
      const ownerToken = request.mode === 'shared' ? `${request.ownerToken}${shares++}` : request.ownerToken;
      return store.acquire({ ...request, ownerToken }, signal);
    },
  };
};

const tellsOfNoLimit: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire(request, signal);
    if (answer.outcome !== 'granted') return answer;
    const { limit: _, ...grant } = answer;
    return grant;
  },
});

const GOES_DOWN = 'a hold that goes down to shared keeps its token and lets the readers in that wait';
const UPGRADE =
  'one upgradeable holder goes beside readers; alone it becomes exclusive, with a token above theirs';
const FORCE = 'force ends the one who has that token, or all, and each learns of it';
const SET_LIMIT =
  'a limit that is set stays in force; raising it lets waiters in, lowering it takes nothing away';

/** What a store may do wrong with the kinds of locks → a case of the contract that must find it. */
export const BUGS_OF_KINDS: Record<string, [Spoil, string]> = {
  'takes readers for writers': [
    asks(({ mode }) => (mode === 'shared' ? { mode: 'exclusive' } : {})),
    'readers of several processes hold a name together, a writer holds it alone, and every token is above those before',
  ],
  'takes writers for readers': [
    asks(({ limit }) => (limit === undefined ? { mode: 'shared' } : {})),
    'readers of several processes hold a name together, a writer holds it alone, and every token is above those before',
  ],
  'lets readers pass a writer who waits': [
    readersPass,
    'turns go in the order of the queue: a reader who comes later does not pass a writer who waits',
  ],
  'gives a share to each repetition of a request': [
    sharesAnew,
    'asking twice with one token gives one share, and releasing twice says so',
  ],
  'lets several be upgradeable': [
    asks(({ mode }) => (mode === 'upgradeable' ? { mode: 'shared' } : {})),
    UPGRADE,
  ],
  'upgrades beside readers': [upgradesBesideReaders, UPGRADE],
  'upgrades with the old token': [upgradesWithTheOldToken, UPGRADE],
  'does not hear that an upgrade was given up': [
    upgradesDeaf,
    'an upgrade that is given up leaves the hold upgradeable and lets readers in again',
  ],
  'keeps readers out after a downgrade': [() => ({ downgrade: async () => {} }), GOES_DOWN],
  'gives a downgraded hold a new token': [downgradesUnderANewToken, GOES_DOWN],
  'ends all although one was named': [
    (store) => ({ forceRelease: (name, reason) => store.forceRelease(name, reason) }),
    FORCE,
  ],
  'ends nobody when one was named': [
    (store) => ({
      forceRelease: async (name, reason, token) =>
        token === undefined ? store.forceRelease(name, reason) : null,
    }),
    FORCE,
  ],
  'inspects the first holder only': [
    (store) => ({
      inspect: async (name) => {
        const seen = await store.inspect(name);
        return { ...seen, holders: seen.holders?.slice(0, 1) ?? [] };
      },
    }),
    'inspect tells every holder, how, since when and for how long still',
  ],
  'lets in one more than the limit': [
    asks(({ limit }) => (limit === undefined ? {} : { limit: limit + 1 })),
    'at most so many hold a name at once, each with a token of its own',
  ],
  'counts holders, not weights': [
    asks(({ weight }) => (weight === undefined ? {} : { weight: 1 })),
    'weights count, and nobody overtakes the head of the queue',
  ],
  'does not tell that another limit is in force': [
    tellsOfNoLimit,
    'the limit of the first caller is in force as long as anybody holds or waits, and others are told',
  ],
  'forgets a limit that was set': [() => ({ setLimit: async () => {} }), SET_LIMIT],
  'never takes a limit back': [
    (store) => ({
      setLimit: async (name, limit) => {
        if (limit !== null) await store.setLimit!(name, limit);
      },
    }),
    SET_LIMIT,
  ],
  'lets a weight wait that never fits': [
    neverRefuses,
    'a weight above the limit in force is a usage error, for one who asks and for one who waits',
  ],
  'says «busy» to readers where there is a limit': [
    neverRefuses,
    'readers and a limit exclude each other on one name; an exclusive lock goes with either, and takes all',
  ],
};
