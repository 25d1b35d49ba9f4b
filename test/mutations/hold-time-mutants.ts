import { contract, type Mutant, suite } from './mutant.js';

const LEASES = 'lib/holding/held-leases.ts';
const LEASE = 'lib/holding/single-lease.ts';
const BOUNDS = 'lib/holding/hold-bounds.ts';
const KEPT = 'lib/holding/kept-hold.ts';
const MEMORY = 'lib/stores/memory/memory-lock.ts';
const MIN_HOLD = 'test/engine/min-hold.spec.ts';
const MAX_HOLD = 'test/engine/max-hold.spec.ts';

const lua = (script: string, find: string, put: string) => [
  { file: `lib/stores/redis/scripts/${script}.lua`, find, put },
];

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
    name: 'minHoldMs: an early release leaves the name taken (memory)',
    edits: [
      {
        file: MEMORY,
        find: 'if (rest !== undefined && rest.endsAtMs > this.#now()) this',
        put: 'if (false) this',
      },
    ],
    suites: [suite(MIN_HOLD, 'keeps the name taken')],
  },
  {
    name: 'minHoldMs: an early release leaves the name taken (Redis)',
    edits: lua('release', 'string.byte(expected) == 109 and stays_taken', 'false and stays_taken'),
    suites: [contract('redis', 'leaves the name taken for the rest')],
  },
  {
    name: 'minHoldMs: what lies there then is nobody’s (Redis)',
    edits: lua('includes/least', "return '!' .. string.sub(token, 2)", 'return token'),
    suites: [contract('redis', 'leaves the name taken for the rest')],
  },
  {
    name: 'minHoldMs: who is queued is told that the end has become another (Redis)',
    edits: lua('release', 'wake_first(keys.queue, 31)', ''),
    suites: [contract('redis', 'who is queued behind it')],
  },
  {
    name: 'minHoldMs: the rest of a share lives as long as it must (Redis)',
    edits: lua('gate-release', 'gate.is_longer, gate.stays_taken = true, true', 'gate.stays_taken = true'),
    suites: [suite('test/simulation/gate.spec.ts', 'readers and writers')],
  },
  {
    name: 'minHoldMs: a share that is left twice is one (Redis)',
    edits: lua('gate-release', 'if before then leave(gate, keys, nobody.token, before) end', ''),
    suites: [suite('test/simulation/gate.spec.ts', 'random operations')],
  },
  {
    name: 'minHoldMs: a hold with a least time is a grant of its own',
    edits: [{ file: KEPT, find: 'return arePlain && own.renew', put: 'return own.renew' }],
    suites: [suite(MIN_HOLD, 'is not handed on')],
  },
  {
    name: 'minHoldMs: what nobody had is free at once',
    edits: [
      { file: 'lib/holding/held-leases.ts', find: '    lease.kept.inHands();\n', put: '' },
      {
        file: KEPT,
        find: '    this.#fenceKnownAtMs = nowMs;\n  }\n\n  /** All who',
        put: '    this.#fenceKnownAtMs = nowMs;\n    this.inHands();\n  }\n\n  /** All who',
      },
    ],
    suites: [suite(MIN_HOLD, 'what no caller ever had')],
  },
  {
    name: 'minHoldMs: a store that cannot is refused',
    edits: [
      {
        file: 'lib/lock-options.ts',
        find: "minHoldMs > 0 && minHold !== true ? 'minHoldMs'",
        put: "false ? 'minHoldMs'",
      },
    ],
    suites: [suite(MIN_HOLD, 'LOCK_STORE_UNSUPPORTED')],
  },
  {
    name: 'a lease that is renewed is not longer than a day',
    edits: [{ file: 'lib/time-checks.ts', find: 'if (renew) checkRenewed(leaseMs, place);', put: '' }],
    suites: [suite(MAX_HOLD, 'is refused where it is renewed')],
  },
];
