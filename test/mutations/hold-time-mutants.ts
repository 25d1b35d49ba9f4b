import { type Mutant, suite } from './mutant.js';

const LEASES = 'lib/holding/held-leases.ts';
const LEASE = 'lib/holding/single-lease.ts';
const BOUNDS = 'lib/holding/hold-bounds.ts';
const MAX_HOLD = 'test/engine/max-hold.spec.ts';

/** How long a lock is held at most, and at least. */
export const holdTimeMutants: readonly Mutant[] = [
  {
    name: 'maxHoldMs: a holder that hangs is woken by nothing else',
    edits: [{ file: BOUNDS, find: 'alarms.set(this, untilMs);', put: '' }],
    suites: [suite(MAX_HOLD, 'from a holder that hangs')],
  },
  {
    name: 'maxHoldMs: the lease asks the clock itself',
    edits: [
      {
        file: LEASE,
        find: 'now.monotonicMs >= this.bound.untilMs',
        put: 'this.bound.alarmAtMs === Infinity',
      },
    ],
    suites: [suite(MAX_HOLD, 'however late the timer is')],
  },
  {
    name: 'maxHoldMs: the store is told at once',
    edits: [{ file: LEASES, find: "'forced', 'held-too-long'])", put: "'forced'])" }],
    suites: [suite(MAX_HOLD, 'from a holder that hangs')],
  },
  {
    name: 'maxHoldMs: who enters again has the bound of who came first',
    edits: [{ file: LEASE, find: 'this.bound = outer?.bound;', put: '' }],
    suites: [suite(MAX_HOLD, 'does not begin anew')],
  },
  {
    name: 'maxHoldMs: readers beside the one that hangs keep their share',
    edits: [
      {
        file: LEASE,
        find: 'this.#kept.leases.filter((lease) => lease.bound === bound)',
        put: 'this.#kept.leases',
      },
    ],
    suites: [suite(MAX_HOLD, 'its own share only')],
  },
  {
    name: 'maxHoldMs: what others still use is not given back',
    edits: [
      {
        file: LEASE,
        find: 'if (this.#kept.lease === undefined) this.#keeper.lost(this, this.#loss as LockLostError);\n    else this.#keeper.lostToo(this);',
        put: 'this.#keeper.lost(this, this.#loss as LockLostError);',
      },
    ],
    suites: [suite(MAX_HOLD, 'its own share only')],
  },
  {
    name: 'maxHoldMs: the bound outlives who came first',
    edits: [
      { file: BOUNDS, find: 'if (!this.kept.leases.some(({ bound }) => bound === this)) this', put: 'this' },
      {
        file: LEASE,
        find: 'this.bound !== undefined && now',
        put: 'this.bound !== undefined && this.bound.alarmAtMs < 0 && now',
      },
    ],
    suites: [suite(MAX_HOLD, 'has left')],
  },
  {
    name: 'maxHoldMs: several names count together',
    edits: [
      {
        file: 'lib/waiting/joint-acquisition.ts',
        find: 'signal: this.#stop, maxHoldMs: Infinity }',
        put: 'signal: this.#stop }',
      },
    ],
    suites: [suite(MAX_HOLD, 'counts for several names')],
  },
  {
    name: 'maxHoldMs: no alarm is left when the lease has ended',
    edits: [{ file: LEASE, find: 'this.bound?.left();', put: '' }],
    suites: [suite(MAX_HOLD, 'leaves no timer')],
  },
  {
    name: 'a lease that is renewed is not longer than a day',
    edits: [{ file: 'lib/acquire-options.ts', find: 'if (renew) checkRenewed(leaseMs, place);', put: '' }],
    suites: [suite(MAX_HOLD, 'is refused where it is renewed')],
  },
];
