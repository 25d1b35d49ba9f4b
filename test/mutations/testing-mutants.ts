import { type Mutant, suite } from './mutant.js';

const TEST_LOCKS = 'src/testing/test-locks.ts';
const NO_LOCKS = 'src/testing/no-locks.ts';
const specs = (tests: string) => [suite('test/nest/test-locks.spec.ts', tests)];

/** What the doubles for users' tests promise. */
export const testingMutants: readonly Mutant[] = [
  {
    name: 'closing with drainMs 0 sets no timer',
    edits: [{ file: 'lib/holding/held-leases.ts', find: ' || this.settings.drainMs === 0', put: '' }],
    suites: specs('closes an application at once'),
  },
  {
    name: 'test locks: the clock of the test moves them',
    edits: [{ file: TEST_LOCKS, find: 'store, clock: this.clock };', put: 'store };' }],
    suites: specs('their waitMs have passed'),
  },
  {
    name: 'test locks: an application that is closed is no choice any more',
    edits: [
      {
        file: TEST_LOCKS,
        find: 'if (await serves(store)) serving.push(store);',
        put: 'serving.push(store);',
      },
    ],
    suites: specs('compiled and not started'),
  },
  {
    name: 'test locks: a lost lock that nobody had is said',
    edits: [{ file: TEST_LOCKS, find: 'if (forced === null) {', put: 'if (false as boolean) {' }],
    suites: specs('a lock that nobody has'),
  },
  {
    name: 'test locks: the options of the application are replaced',
    edits: [
      {
        file: 'src/testing/overridable-builder.ts',
        find: 'builder.overrideProvider(LOCK_SETTINGS)',
        put: "builder.overrideProvider('nobody')",
      },
    ],
    suites: specs('takes the place of Redis|takes a lock away'),
  },
  {
    name: 'no locks: everybody is let in',
    edits: [{ file: NO_LOCKS, find: 'limit: NO_LIMIT, weight: 1', put: '' }],
    suites: specs('lets everybody in at once'),
  },
  {
    name: 'no locks: a section inside of a section waits for nobody',
    edits: [
      {
        file: NO_LOCKS,
        find: 'return this.detached(() => super.acquire(name, unlimited(options)));',
        put: 'return super.acquire(name, unlimited(options));',
      },
    ],
    suites: specs('lets siblings'),
  },
  {
    name: 'no locks: it says so',
    edits: [{ file: NO_LOCKS, find: "process.emitWarning(NOTICE, { code: 'LOCKS_NOTHING' });", put: '' }],
    suites: specs('NoLocks'),
  },
];
