import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { LockUsageError } from '../../lib/index.js';
import type { Grant, Hold, StoreContext } from '../../lib/stores/lock-store.js';
import { storeContract } from '../../lib/testing/index.js';
import { memoryPlace } from '../support/memory-place.js';
import { BUGS_OF_KINDS, NEVER, type Spoil } from '../support/spoiled-kinds.js';

const alwaysGranted: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire({ ...request, wait: false }, signal);
    if (answer.outcome === 'granted') return answer;
    const { name, ownerToken, leaseMs } = request;
    const hold = { name, ownerToken, fencingToken: 1, lastFencingToken: 1 };
    return { outcome: 'granted', hold, deadlineMs: Infinity, leaseMs };
  },
});

const constantFence: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire(request, signal);
    return answer.outcome === 'granted' ? { ...answer, hold: { ...answer.hold, fencingToken: 1 } } : answer;
  },
});

const lateDeadline: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire(request, signal);
    return answer.outcome === 'granted' ? { ...answer, deadlineMs: answer.deadlineMs + 500 } : answer;
  },
});

const releaseOfAnybody: Spoil = (store) => ({
  release: async ({ name }) => {
    await store.forceRelease(name, 'released');
    return { outcome: 'released' };
  },
});

const lostGrants: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire(request, NEVER); // deaf to the abort
    if (signal.aborted) throw signal.reason;
    return answer;
  },
});

const forgetsLocalTokens: Spoil = (store) => ({
  release: (hold) => store.release(forget(hold)),
  yieldOrKeep: (hold, request, signal) => store.yieldOrKeep!(forget(hold), request, signal),
});

/** Gives the name away and queues us again, but in two commands, and asks with a stale notion of who is next. */
const yieldsInTwoSteps: Spoil = (store) => ({
  yieldOrKeep: async (hold, request, signal) => {
    const { waiting } = await store.inspect(hold.name);
    if (waiting === 0) return store.yieldOrKeep!(hold, request, signal);
    const released = await store.release(hold);
    if (released.outcome === 'refused') return released;
    return {
      outcome: 'yielded',
      granted: store.acquire({ ...request, wait: false }, signal) as Promise<Grant>,
    };
  },
});

const keepsWhateverIsQueued: Spoil = (store, table) => ({
  yieldOrKeep: async (hold, { leaseMs }) => {
    const [renewed] = await store.renew([{ hold, leaseMs }]);
    if (renewed?.outcome !== 'renewed') return { outcome: 'refused', ambiguous: false };
    hold.lastFencingToken += 1;
    Object.assign(hold, { fencingToken: hold.lastFencingToken });
    return { outcome: 'kept', deadlineMs: table.clock.monotonicMs() + leaseMs / 2 };
  },
});

const keepsWithTheOldToken: Spoil = (store) => ({
  yieldOrKeep: async (hold, request, signal) => {
    const { fencingToken } = hold;
    const answer = await store.yieldOrKeep!(hold, request, signal);
    return Object.assign(hold, { fencingToken }) && answer;
  },
});

const yieldsWhatItHasNot: Spoil = (store) => ({
  yieldOrKeep: async (hold, request, signal) => {
    const answer = await store.yieldOrKeep!(hold, request, signal);
    if (answer.outcome !== 'refused') return answer;
    return { outcome: 'yielded', granted: store.acquire(request, signal) as Promise<Grant> };
  },
});

const yieldsDeaf: Spoil = (store) => ({
  yieldOrKeep: async (hold, request, signal) => {
    const answer = await store.yieldOrKeep!(hold, request, NEVER);
    if (answer.outcome !== 'yielded') return answer;
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      if (signal.aborted) reject(signal.reason);
    });
    return { outcome: 'yielded', granted: Promise.race([answer.granted, aborted]) };
  },
});

const sendsLater: Spoil = (store) => ({
  release: async (hold, onSent) => {
    onSent?.();
    await new Promise((resolve) => setImmediate(resolve));
    return store.release(hold);
  },
});

function forget(hold: Hold): Hold {
  hold.lastFencingToken = hold.fencingToken;
  return hold;
}

/** What a store may do wrong → a case that must find it. */
const BUGS: Record<string, [Spoil, string]> = {
  'grants what is held': [
    alwaysGranted,
    'a name that one process holds is busy for another, and free after the release',
  ],
  'gives every holder the same fencing token': [
    constantFence,
    'they go up when a lease ends without a release',
  ],
  'counts the deadline from the reply': [
    lateDeadline,
    'the holder stops believing before the store gives the name away',
  ],
  'releases without comparing the owner': [
    releaseOfAnybody,
    'the late release of an old holder is refused and does not touch the new one',
  ],
  'does not hear that a waiter left': [
    lostGrants,
    'a waiter that gives up leaves the queue, and the one behind it is served',
  ],
  'says «lost» to a renewal that came in time': [
    () => ({ renew: async (requests) => requests.map(() => ({ outcome: 'lost' })) }),
    'renewals keep the name as long as they come in time',
  ],
  'says «renewed» to everybody': [
    (_store, table) => ({
      renew: async (requests) =>
        requests.map(() => ({ outcome: 'renewed', deadlineMs: table.clock.monotonicMs() + 1000 })),
    }),
    'the late renewal of an old holder is refused and does not touch the new one',
  ],
  'tells nobody of a forced end': [
    (store) => ({ attach: (context) => store.attach({ ...context, onLost: () => {} }) }),
    'forceRelease ends the hold, tells its process why, and says whose it was',
  ],
  'serves one manager for ever': [
    (store) => {
      let taken = false;
      return {
        attach: (context) => {
          if (taken) throw new LockUsageError('LOCK_OPTIONS_INVALID', 'one manager, for ever');
          store.attach(context);
          taken = true;
        },
      };
    },
    'a store that was closed serves the next manager: it grants, waits, tells, and its tokens go on to rise',
  ],
  'goes on telling the manager before': [
    (store) => {
      let first: StoreContext | undefined;
      return {
        attach: (context) => {
          first ??= context;
          store.attach({ ...context, onLost: (...told) => first?.onLost(...told) });
        },
      };
    },
    'a store that was closed serves the next manager: it grants, waits, tells, and its tokens go on to rise',
  ],
  'goes on granting to a process that leaves': [
    () => ({ stopGranting: async () => {} }),
    'a process that stops being granted to is skipped, and the next waiter is served',
  ],
  'does not write back the tokens that were counted on': [
    forgetsLocalTokens,
    'they go up over the tokens that were counted on from a hold, when it is released',
  ],
  'passes on below the tokens that were counted on': [
    forgetsLocalTokens,
    'the one who is granted gets a token above those that were counted on',
  ],
  'keeps below the tokens that were counted on': [
    forgetsLocalTokens,
    'the token of a kept hold, and the next one after it, are above those that were counted on',
  ],
  'keeps a name although others wait': [
    keepsWhateverIsQueued,
    'somebody waits: the first in the queue gets the name, and we queue behind the others, before newcomers',
  ],
  'keeps without a new fencing token': [
    keepsWithTheOldToken,
    'a hold may be kept again and again, and is the same hold: one owner token, one release',
  ],
  'loses our new place': [
    yieldsInTwoSteps,
    'two processes that yield to each other take turns, and nobody loses a place',
  ],
  'takes a place for one who has lost its hold': [
    yieldsWhatItHasNot,
    'a hold whose lease ended is refused, although nobody took the name, and leaves no place in the queue',
  ],
  'does not hear that one who yielded left': [
    yieldsDeaf,
    'an abort of the new wait: the place goes, and leaves nothing behind',
  ],
  'asks whether the queue is full after a yield': [
    (store) => ({
      yieldOrKeep: async (hold, request, signal) => {
        const { waiting } = await store.inspect(hold.name);
        const answer = await store.yieldOrKeep!(hold, request, signal);
        if (waiting <= request.maxWaitingProcesses || answer.outcome !== 'yielded') return answer;
        return { outcome: 'refused', ambiguous: false };
      },
    }),
    'a full queue refuses newcomers, never the one who yields',
  ],
  'lets any number wait': [
    (store) => ({
      acquire: (request, signal) => store.acquire({ ...request, maxWaitingProcesses: Infinity }, signal),
    }),
    'three may wait: the fourth is refused at once, is told when to come again, and disturbs nobody',
  ],
  'lets one too few wait': [
    (store) => ({
      acquire: (request, signal) => {
        const maxWaitingProcesses = Math.max(0, request.maxWaitingProcesses - 1);
        return store.acquire({ ...request, maxWaitingProcesses }, signal);
      },
    }),
    'a place that a waiter left can be taken, and so can one whose waiter was granted',
  ],
  'says «full» to one who does not wait': [
    (store) => ({
      acquire: async (request, signal) => {
        const { held, remainingMs, waiting } = await store.inspect(request.name);
        const full = held && waiting >= request.maxWaitingProcesses;
        return full ? { outcome: 'full', retryAfterMs: remainingMs ?? 0 } : store.acquire(request, signal);
      },
    }),
    'who does not wait is told «busy», however full the queue is',
  ],
  'counts all waiters, of whatever name': [
    (store) => ({
      acquire: async (request, signal) => {
        const others = (await store.inspect('group:1')).waiting;
        const maxWaitingProcesses = request.maxWaitingProcesses - others;
        return store.acquire({ ...request, maxWaitingProcesses }, signal);
      },
    }),
    'each name has a queue of its own: one that is full refuses nobody elsewhere',
  ],
  'says of a release that it is on its way, and sends it later': [
    sendsLater,
    'a release that is on its way is executed before whatever is asked for afterwards',
  ],
  'closes without waiting for what is on its way': [
    sendsLater,
    'closing waits for a release that is on its way',
  ],
  'says that it can tell of releases that are on their way, and tells of none': [
    (store) => ({ release: (hold) => store.release(hold) }),
    'only a store that says so tells that a release is on its way, and it tells it before the answer',
  ],
  'tells of them although it says that it only confirms': [
    ({ capabilities }) => ({ capabilities: { ...capabilities, releases: 'confirmed' } }),
    'only a store that says so tells that a release is on its way, and it tells it before the answer',
  ],
  'tells nothing of the end of a slice': [
    (store) => ({
      yieldOrKeep: (hold, request, signal) =>
        store.yieldOrKeep!(hold, { ...request, onSent: undefined }, signal),
    }),
    'the end of a slice is told, too, before its answer',
  ],
  'folds names that differ only in case': [
    (store) => ({
      acquire: (request, signal) => store.acquire({ ...request, name: request.name.toLowerCase() }, signal),
      inspect: (name) => store.inspect(name.toLowerCase()),
    }),
    'names that differ only in separators, braces, patterns, case or space never meet',
  ],
};

/** The titles of the cases that fail. */
async function failures(spoil?: Spoil): Promise<string[]> {
  const cases: [string, () => Promise<void>][] = [];
  const runner = {
    describe: (_title: string, register: () => void) => register(),
    it: (title: string, run: () => Promise<void>) => void cases.push([title, run]),
  };
  storeContract({ name: 'spoilt', runner, open: async () => memoryPlace(spoil) });
  const failed: string[] = [];
  for (const [title, run] of cases) await run().catch(() => failed.push(title));
  return failed;
}

describe('the contract suite', () => {
  it('finds nothing wrong with a store that is right', async () => {
    expect(await failures()).toEqual([]);
  });

  it('finds nothing wrong with a store that leaves yieldOrKeep out', async () => {
    expect(await failures(() => ({ yieldOrKeep: undefined }))).toEqual([]);
  });

  it('finds nothing wrong with a store that only confirms releases', async () => {
    const confirmsOnly: Spoil = (store) => {
      const { releases: _, ...capabilities } = store.capabilities;
      return { capabilities, release: (hold) => store.release(hold) };
    };
    expect(await failures(confirmsOnly)).toEqual([]);
  });

  it.each(Object.entries({ ...BUGS, ...BUGS_OF_KINDS }))(
    'finds a store that %s',
    async (_bug, [spoil, title]) => {
      expect(await failures(spoil)).toContain(title);
    },
  );

  it('runs under node:test as it is, where an unhandled rejection would fail it', async () => {
    const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const child = here('../support/contract-on-node-test.child.ts');
    const loader = here('../support/run-typescript.mjs');
    const args = ['--import', loader, '--test', '--test-reporter', 'tap', child];
    const { stdout } = await promisify(execFile)(process.execPath, args, {
      env: { PATH: process.env['PATH'] },
    });
    expect(stdout).toMatch(/^# fail 0$/m);
    expect(Number(/^# pass (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(80);
  });
});
