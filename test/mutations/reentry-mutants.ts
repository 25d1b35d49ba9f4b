import { type Mutant, suite } from './mutant.js';

const LINE = 'lib/waiting/reentry-line.ts';
const LEASE = 'lib/holding/single-lease.ts';
const SPEC = 'test/engine/reentry.spec.ts';

/** Structured re-entry: who is inside, and when the lock goes. */
export const reentryMutants: readonly Mutant[] = [
  {
    name: 'siblings inside one lock exclude each other',
    edits: [
      {
        file: LINE,
        find: 'if (!goTogether(mode, access)) return false;',
        put: '',
      },
    ],
    suites: [suite(SPEC, 'siblings inside one lock')],
  },
  {
    name: 'who waits to enter a lock that has ended acquires it afresh',
    edits: [
      { file: LINE, find: 'if (this.outer.isOver) this.#queue.failAll(() => OUTER_IS_OVER);', put: '' },
    ],
    suites: [suite(SPEC, 'acquire it afresh')],
  },
  {
    name: 'siblings let the event loop turn',
    edits: [{ file: LINE, find: 'if (!turns.mayGoOn(clock.monotonicMs())) {', put: 'if (false) {' }],
    suites: [suite(SPEC, 'let the event loop turn')],
  },
  {
    name: 'a lock goes with the last who leaves',
    edits: [
      {
        file: 'lib/holding/releases.ts',
        find: 'if (kept.lease !== undefined) {',
        put: 'if (false) {',
      },
    ],
    suites: [suite(SPEC, 'by the last who does')],
  },
  {
    name: 'a lock is lost for all who are inside',
    edits: [
      {
        file: LEASE,
        find: 'if (!this.isOver) this.#endLeases(this.#kept.leases, { cause, note });',
        put: 'if (!this.isOver) this.#endLeases([this], { cause, note });',
      },
    ],
    suites: [suite(SPEC, 'is lost for all who are inside')],
  },
  {
    name: 'an ended lease is not entered again',
    edits: [
      {
        file: 'lib/holding/lock-frames.ts',
        find: 'if (lease?.active === true) return lease;',
        put: 'if (lease !== undefined) return lease;',
      },
    ],
    suites: [suite(SPEC, 'is acquired afresh by who asks after')],
  },
  {
    name: 'detached work is outside',
    edits: [
      {
        file: 'lib/lock-manager.ts',
        find: 'return this.#leases.frames.outside(work);',
        put: 'return work();',
      },
    ],
    suites: [suite(SPEC, 'leaves the lock with detached')],
  },
  {
    name: 'who is inside may enter again while the manager closes',
    edits: [
      {
        file: 'lib/waiting/acquisitions.ts',
        find: "const wanted = this.#wanted('acquire', given, options);",
        put: "const wanted = this.#wanted('acquire', given, options);\n    this.place.refuseWhenClosed();",
      },
    ],
    suites: [suite(SPEC, 'lets those who are inside enter again')],
  },
];
