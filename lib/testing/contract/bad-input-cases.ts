import assert from 'node:assert/strict';
import type { LockManager } from '../../lock-manager.js';
import { type ContractCases, watchStore } from './contract-bench.js';

const BAD_NAMES: Readonly<Record<string, unknown>> = {
  empty: '',
  'only spaces': ' \t\n',
  undefined: undefined,
  null: null,
  'a number': 42,
  'an object': { id: 42 },
  'a symbol': Symbol('name'),
  'an empty list': [],
  'a list with a bad name': ['group:1', ''],
  'a list in a list': [['group:1']],
  '513 bytes': 'x'.repeat(513),
  '513 bytes in two-byte characters': `x${'ü'.repeat(256)}`,
  'a NUL character': 'group:\u0000',
  'half a surrogate pair': 'group:\ud83d',
};

const BAD_LEASES: readonly unknown[] = [
  0,
  -1,
  99,
  1.5,
  2_592_000_001,
  Number.NaN,
  Infinity,
  -Infinity,
  '5',
  '30000',
  null,
  {},
  5n,
];

const BAD_OPTIONS: readonly unknown[] = [
  { waitMs: -1 },
  { waitMs: Number.NaN },
  { waitMs: '5' },
  { waitMs: null },
  { renew: 'yes' },
  { renew: 1 },
  { signal: {} },
  { signal: 'stop' },
  { label: 5 },
  { label: 'x'.repeat(129) },
  { mode: 'x' },
  { mode: null },
  { leaseMS: 1000 },
  { ttl: 1000 },
  { timeout: 1000 },
  { store: {} },
  { clock: {} },
  { cohortMs: -1 },
  { cohortMs: 1001 },
  { cohortMs: 'long' },
  { release: 'maybe' },
  { release: true },
  { release: null },
  { maxWaiters: 0 },
  { maxWaiters: 1.5 },
  { maxWaitingProcesses: 0 },
  { maxWaitingProcesses: Infinity },
  { limit: 0 },
  { limit: 2, weight: 3 },
  { weight: 2 },
  { limit: 2, mode: 'shared' },
  { reentrant: 'yes' },
  { minHoldMs: -5 },
  { maxHoldMs: 0 },
  '30s',
  30_000,
  null,
  true,
];

export const badInputCases: ContractCases = {
  'a bad name is LOCK_NAME_INVALID everywhere, and nothing is asked of the store': async (bench) => {
    const seen = watchStore();
    const locks = bench.manager({}, seen.wrap);
    for (const [what, name] of Object.entries(BAD_NAMES)) {
      for (const [call, made] of Object.entries(calls(locks, name)))
        await refused(made, 'LOCK_NAME_INVALID', `${call}: ${what}`);
    }
    assert.deepEqual([seen.acquires, locks.held()], [0, []]);
  },

  'a name of 512 bytes, of any characters, is a lock': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    for (const name of [
      'x'.repeat(512),
      'ü'.repeat(256),
      `{${'}'.repeat(511)}`,
      '%'.repeat(512),
      '\u0001\u007f \r\n',
    ]) {
      const lease = await bench.drive(locks.acquire(name));
      await a.findBusy(lease.name);
      assert.equal(await bench.drive(lease.release()), 'released');
    }
  },

  'one resource is one lock however its name was typed: Unicode spellings are made equal': async (bench) => {
    const locks = bench.manager();
    await bench.drive(locks.acquire('caf\u00e9'));
    assert.equal(await bench.drive(locks.tryAcquire('cafe\u0301')), null);
  },

  'a bad leaseMs is LOCK_LEASE_INVALID, and nothing is locked': async (bench) => {
    const locks = bench.manager();
    for (const leaseMs of BAD_LEASES) {
      for (const [call, made] of Object.entries(acquisitions(locks, { leaseMs }, 'group:1'))) {
        await refused(made, 'LOCK_LEASE_INVALID', `${call}: ${String(leaseMs)}`);
      }
    }
    assert.equal(await bench.drive(locks.isLocked('group:1')), false);
  },

  'an option that is wrong, unknown or not built yet is LOCK_OPTIONS_INVALID, and nothing is locked': async (
    bench,
  ) => {
    const locks = bench.manager();
    for (const options of BAD_OPTIONS) {
      for (const [call, made] of Object.entries(acquisitions(locks, options, 'group:1'))) {
        await refused(made, 'LOCK_OPTIONS_INVALID', `${call}: ${JSON.stringify(options)}`);
      }
    }
    assert.equal(await bench.drive(locks.isLocked('group:1')), false);
    assert.deepEqual(locks.held(), []);
  },

  'waitMs for a call that never waits is LOCK_OPTIONS_INVALID': async (bench) => {
    const locks = bench.manager();
    const options = { waitMs: 5 } as object;
    await refused(() => locks.tryAcquire('group:1', options), 'LOCK_OPTIONS_INVALID', 'tryAcquire');
    await refused(() => locks.tryUsing('group:1', () => 1, options), 'LOCK_OPTIONS_INVALID', 'tryUsing');
  },

  'a list of more than 100 names, or with two modes for one name, is refused; one distinct name in a list is that name':
    async (bench) => {
      const seen = watchStore();
      const locks = bench.manager({}, seen.wrap);
      const many = Array.from({ length: 101 }, (_, n) => `name:${n}`);
      const twoModes = ['a', { name: 'a', mode: 'shared' }, 'b'];
      for (const [call, made] of Object.entries(acquisitions(locks, undefined, many)))
        await refused(made, 'LOCK_NAME_INVALID', `${call}: 101 names`);
      for (const [call, made] of Object.entries(acquisitions(locks, undefined, twoModes)))
        await refused(made, 'LOCK_OPTIONS_INVALID', `${call}: two modes`);
      assert.equal(seen.acquires, 0);
      assert.equal((await bench.drive(locks.acquire(['a', 'a']))).name, 'a');
    },

  'asking again inside one’s own lock with reentrant: false is LOCK_REENTRANT at once, instead of waiting for oneself':
    async (bench) => {
      const locks = bench.manager({ reentrant: false });
      await bench.drive(
        locks.using('group:1', async () => {
          await refused(() => locks.using('group:1', () => 1), 'LOCK_REENTRANT', 'nested');
          await locks.using('group:2', () => 1);
        }),
      );
      assert.equal(await bench.drive(locks.using('group:1', () => 'afterwards')), 'afterwards');
    },

  'a reason for forceRelease must be a text of a sensible length': async (bench) => {
    const locks = bench.manager();
    const lease = await bench.drive(locks.acquire('group:1'));
    for (const reason of ['', ' ', 5, undefined, null, 'x'.repeat(201)]) {
      await refused(
        () => locks.forceRelease('group:1', reason as string),
        'LOCK_OPTIONS_INVALID',
        String(reason),
      );
    }
    assert.equal(lease.state, 'held');
  },
};

type Call = () => Promise<unknown>;

function calls(locks: LockManager, badName: unknown): Record<string, Call> {
  const name = badName as string;
  const single: Record<string, Call> = {
    inspect: () => locks.inspect(name),
    isLocked: () => locks.isLocked(name),
    forceRelease: () => locks.forceRelease(name, 'stuck'),
  };
  return { ...acquisitions(locks, undefined, name), ...(Array.isArray(badName) ? {} : single) };
}

const work = () => assert.fail('the work ran');

function acquisitions(locks: LockManager, badOptions: unknown, given: unknown): Record<string, Call> {
  const name = given as string;
  const options = badOptions as object;
  const isWait = typeof badOptions === 'object' && badOptions !== null && 'waitMs' in badOptions;
  const waiting: Record<string, Call> = {
    acquire: () => locks.acquire(name, options),
    using: () => locks.using(name, work, options),
  };
  const trying: Record<string, Call> = {
    tryAcquire: () => locks.tryAcquire(name, options),
    tryUsing: () => locks.tryUsing(name, work, options),
  };
  return isWait ? waiting : { ...waiting, ...trying };
}

/** Refused as a rejection (never thrown at the caller before there is a promise), as misuse, and not as something to retry. */
async function refused(call: Call, code: string, what: string): Promise<void> {
  const error = await call().then(
    () => assert.fail(`${what} was accepted`),
    (reason: unknown) => reason as { name: string; code: string; retryable: boolean; message: string },
  );
  assert.deepEqual(
    [error.name, error.code, error.retryable],
    ['LockUsageError', code, false],
    `${what}: ${error.message}`,
  );
}
