import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { Grant, LockStore } from '../../lib/stores/lock-store.js';
import type { MemoryLockTable } from '../../lib/stores/memory/memory-lock-table.js';
import { storeContract } from '../../lib/testing/index.js';
import { memoryPlace } from '../support/memory-place.js';

type Spoil = (store: LockStore, table: MemoryLockTable) => Partial<LockStore>;

const alwaysGranted: Spoil = (store) => ({
  acquire: async (request, signal) => {
    const answer = await store.acquire({ ...request, wait: false }, signal);
    if (answer.outcome === 'granted') return answer;
    const { name, ownerToken, leaseMs } = request;
    return { outcome: 'granted', hold: { name, ownerToken, fencingToken: 1 }, deadlineMs: Infinity, leaseMs };
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

const lostGrants = (store: LockStore) => ({
  acquire: async (request: Parameters<LockStore['acquire']>[0], signal: AbortSignal) => {
    const answer = await store.acquire(request, new AbortController().signal); // deaf to the abort
    signal.throwIfAborted();
    return answer;
  },
});

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
  'goes on granting to a process that leaves': [
    () => ({ stopGranting: async () => {} }),
    'a process that stops being granted to is skipped, and the next waiter is served',
  ],
  'folds names that differ only in case': [
    (store) => ({
      acquire: (request, signal) =>
        store.acquire({ ...request, name: request.name.toLowerCase() }, signal) as Promise<Grant>,
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

  it.each(Object.entries(BUGS))('finds a store that %s', async (_bug, [spoil, title]) => {
    expect(await failures(spoil)).toContain(title);
  });

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
