import { contract, type Mutant, suite } from './mutant.js';

const WATCHDOG = 'lib/holding/lease-watchdog.ts';
const LEASES = 'lib/holding/held-leases.ts';
const LEASE = 'lib/holding/single-lease.ts';

/** Protections in what a lease says about itself and in who watches it. */
export const leaseMutants: readonly Mutant[] = [
  {
    name: 'deadline: margin for clocks of different speed',
    edits: [{ file: 'lib/runtime/clock.ts', find: ' - leaseMs * DRIFT - EXPIRY_PRECISION_MS', put: '' }],
    suites: [contract('memory', ''), suite('test/engine/clock.spec.ts')],
  },
  {
    name: 'deadline timer: the watchdog wakes for deadlines',
    edits: [{ file: WATCHDOG, find: 'Math.min(kept.renewAtMs, kept.deadlineMs)', put: 'kept.renewAtMs' }],
    suites: [suite('test/engine/lease.spec.ts', 'aborts at the deadline by itself')],
  },
  {
    name: '«not yours» is a loss at once',
    edits: [{ file: WATCHDOG, find: "lease.markLost('taken');", put: 'lease.markUncertain();' }],
    suites: [suite('test/engine/lease-watchdog.spec.ts', '«not yours» is a loss')],
  },
  {
    name: 'an unanswered renewal makes uncertain',
    edits: [{ file: WATCHDOG, find: 'else lease.markUncertain();', put: 'else {}' }],
    suites: [suite('test/engine/lease-watchdog.spec.ts', 'doubts the lease')],
  },
  {
    name: 'one renewal of a lease at a time',
    edits: [
      { file: WATCHDOG, find: 'kept.renewing = true;', put: 'kept.renewAtMs = asOf.monotonicMs + 100;' },
    ],
    suites: [suite('test/engine/lease-watchdog.spec.ts', 'hang')],
  },
  {
    name: 'nothing is renewed after the end',
    edits: [{ file: LEASES, find: 'this.#watchdog.forget(kept);', put: '' }],
    suites: [
      contract('memory', 'nothing is renewed after a release'),
      suite('test/engine/lease-watchdog.spec.ts', 'arms nothing'),
    ],
  },
  {
    name: 'a lease reads the clock each time it is asked',
    edits: [
      {
        file: LEASE,
        find: "if (now.monotonicMs >= this.#kept.deadlineMs) {\n      this.markLost('expired');\n      return 'lost';\n    }",
        put: '',
      },
    ],
    suites: [suite('test/engine/lease.spec.ts')],
  },
  {
    name: 'a confirmation after the deadline revives nothing',
    edits: [
      {
        file: LEASE,
        find: "if (this.#keeper.clock.monotonicMs() >= this.#kept.deadlineMs) {\n      this.markLost('expired');\n      return;\n    }",
        put: '',
      },
    ],
    suites: [suite('test/engine/lease-watchdog.spec.ts', 'late')],
  },
  {
    name: 'wall clock ahead: uncertain',
    edits: [{ file: LEASE, find: "if (!this.#kept.isDoubtful(now)) return 'held';", put: "return 'held';" }],
    suites: [suite('test/engine/lease.spec.ts')],
  },
  {
    name: 'a loss pushed before the reply of its acquire',
    edits: [
      {
        file: LEASES,
        find: 'else this.#early.note(ownerToken, { cause, note });',
        put: '',
      },
    ],
    suites: [suite('test/engine/lock-manager-waiting.spec.ts', 'a loss that is pushed')],
  },
  {
    name: 'a lease that ran out is ended at the store, too',
    edits: [
      {
        file: LEASES,
        find: "new Set(['expired', 'forced', 'held-too-long'])",
        put: "new Set(['forced', 'held-too-long'])",
      },
    ],
    suites: [suite('test/engine/lease-end.spec.ts', 'that ran out')],
  },
  {
    name: 'a lease that was ended by force is ended with its token, too',
    edits: [
      {
        file: LEASES,
        find: "new Set(['expired', 'forced', 'held-too-long'])",
        put: "new Set(['expired', 'held-too-long'])",
      },
    ],
    suites: [suite('test/faults/crossing-messages.spec.ts')],
  },
  {
    name: 'a result obtained after the loss is not returned',
    edits: [
      {
        file: 'lib/holding/lease-work.ts',
        find: 'if (!lost || lease.lossError === undefined) return value;',
        put: 'return value;',
      },
    ],
    suites: [contract('memory', 'a lock that is lost')],
  },
  {
    name: 'an owner token is not a field of a lease',
    edits: [
      {
        file: LEASE,
        find: 'kept.join(this);',
        put: 'kept.join(this);\n    Object.assign(this, { theHold: kept.hold });',
      },
    ],
    suites: [suite('test/engine/lease.spec.ts', 'shows no owner token')],
  },
];
