import { contract, type Edit, type Mutant, suite } from './mutant.js';

const LINE = 'lib/waiting/line.ts';
const EXCLUSIVE = 'lib/waiting/exclusive-line.ts';
const KEPT = 'lib/holding/kept-hold.ts';
const WATCHDOG = 'lib/holding/lease-watchdog.ts';
const SCRIPTS = 'lib/stores/redis/scripts';
const COHORT = 'test/engine/cohort.spec.ts';
const ENDS = 'test/engine/cohort-ends.spec.ts';
const LONGER = 'test/engine/longer-lease.spec.ts';
const PRESSURE = 'test/engine/back-pressure.spec.ts';
const RENEWALS = 'test/engine/renewal-batches.spec.ts';
const REDIS_BATCHES = 'test/stores/redis-batches.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Protections in the hand-off inside a process, in batches of renewals, and against crowds. */
export const cohortMutants: readonly Mutant[] = [
  {
    name: 'cohort: the store is asked at the end of a slice',
    edits: off(EXCLUSIVE, 'if (kept.sliceIsOver(nowMs)) return this.#yieldOrKeep(kept, head, onSent);'),
    suites: [suite(COHORT, 'a slice')],
  },
  {
    name: 'cohort: a slice ends while half of the lease is left',
    edits: off(KEPT, ' || this.deadlineMs - nowMs < this.#grantedMs / 2'),
    suites: [suite(COHORT, 'less than half')],
  },
  {
    name: 'cohort: fencing tokens are counted on',
    edits: off(
      KEPT,
      'this.hold.lastFencingToken = next;\n    return next;',
      'return this.hold.fencingToken;',
    ),
    suites: [suite(COHORT, 'the next fencing token')],
  },
  {
    name: 'cohort: no token above the clock of the store',
    edits: off(
      KEPT,
      'if (next > this.#fence + (nowMs - this.#fenceKnownAtMs) * FENCES_PER_MS) return undefined;',
    ),
    suites: [suite(COHORT, 'has not passed')],
  },
  {
    name: 'cohort: a lease keeps its own token after its end',
    edits: off('lib/holding/single-lease.ts', 'return this.isOver ? ', 'return this.isOver && false ? '),
    suites: [suite(COHORT, 'keeps its own fencing token')],
  },
  {
    name: 'cohort: no hand-off of a hold in doubt',
    edits: off(EXCLUSIVE, 'if (kept.isDoubtful(now)) return this.release(kept, onSent);'),
    suites: [suite(ENDS, 'in doubt')],
  },
  {
    name: 'cohort: a hold lost between two leases is not handed on',
    edits: off(KEPT, 'return this.lost || this.doubted', 'return this.doubted'),
    suites: [suite(ENDS, 'between two leases, by force')],
  },
  {
    name: 'cohort: a hold lost between two leases is not renewed again',
    edits: off(WATCHDOG, 'kept.renewAtMs = Infinity;\n        break;', 'break;'),
    suites: [suite(ENDS, 'as a renewal says')],
  },
  {
    name: 'cohort: no hand-off to one whose lease is not to be renewed',
    edits: off(KEPT, ' && settings.renew &&', ' &&'),
    suites: [suite(COHORT, 'renew: false')],
  },
  {
    name: 'cohort: no hand-off to one who wants another lease',
    edits: off(KEPT, '      own.leaseMs === settings.leaseMs &&\n'),
    suites: [suite(COHORT, 'another leaseMs')],
  },
  {
    name: 'cohort: no hand-off to one who wants none',
    edits: off(KEPT, ' && settings.cohortMs > 0;', ';'),
    suites: [suite(COHORT, 'cohortMs: 0: acquires')],
  },
  {
    name: 'cohort: a hold that was extended beyond its lease is not handed on',
    edits: off(KEPT, '      !this.stretched &&\n'),
    suites: [suite(LONGER)],
  },
  {
    name: 'cohort: an extension counts from when it is sent',
    edits: [
      ...off(
        'lib/holding/extend-leases.ts',
        'for (const lease of leases) if (leaseMs > lease.leaseMs) lease.kept.stretched = true;',
      ),
      ...off(
        'lib/holding/extend-leases.ts',
        'for (const { lossError } of leases) if (lossError !== undefined) throw lossError;',
        'for (const lease of leases) lease.kept.stretched ||= leaseMs > lease.leaseMs;',
      ),
    ],
    suites: [suite(LONGER, 'still on its way')],
  },
  {
    name: 'a place is not taken over by one who asked for a shorter lease',
    edits: off(
      LINE,
      'if (head !== undefined && place.serves(head.settings)) return;',
      'if (head !== undefined) return;',
    ),
    suites: [suite(LONGER, 'asked for with a long lease')],
  },
  {
    name: 'redis: a release goes on for as long as the store keeps an extended hold',
    edits: off('lib/stores/redis/redis-renewals.ts', 'if (leaseMs > asked.leaseMs) asked.leaseMs = leaseMs;'),
    suites: [suite('test/stores/redis-longer-lease.spec.ts')],
  },
  {
    name: 'cohort: chains let the event loop turn',
    edits: off(
      'lib/runtime/event-loop-turns.ts',
      'return nowMs - this.#beganAtMs < LONGEST_CHAIN_MS;',
      'return true;',
    ),
    suites: [suite('test/engine/event-loop-turns.spec.ts', 'starve')],
  },
  {
    name: 'cohort: a turn that the loop makes by itself counts',
    edits: off(
      'lib/runtime/event-loop-turns.ts',
      '(): void => {\n    this.#beganAtMs = undefined;',
      '(): void => {',
    ),
    suites: [suite('test/engine/event-loop-turns.spec.ts', 'never held up')],
  },
  {
    name: 'cohort: the store is asked for a token only when time has passed and there is none',
    edits: off(
      EXCLUSIVE,
      'if (hasTurned) return this.#yieldOrKeep(kept, head, onSent);',
      'return this.#yieldOrKeep(kept, head, onSent);',
    ),
    suites: [suite('test/engine/cohort.spec.ts')],
  },
  {
    name: 'cohort: who waits goes on when a yield has failed',
    edits: off(EXCLUSIVE, 'this.#endYield(kept, place);\n        throw error;', 'throw error;'),
    suites: [suite(ENDS, 'a yield that fails')],
  },
  {
    name: 'back-pressure: callers of this process',
    edits: off(LINE, 'if (this.queue.size - asking >= settings.maxWaiters) {', 'if (false) {'),
    suites: [suite(PRESSURE, 'maxWaiters')],
  },
  {
    name: 'back-pressure: the first one may not have to wait',
    edits: off(LINE, 'this.place?.queued === false ? 1 : 0', '0'),
    suites: [suite(PRESSURE, 'does not count the first one')],
  },
  {
    name: 'back-pressure: processes in the store, memory',
    edits: off(
      'lib/stores/memory/memory-lock.ts',
      "if (this.#waiters.size >= request.maxWaitingProcesses) return { outcome: 'full', retryAfterMs };",
    ),
    suites: [suite(PRESSURE, 'maxWaitingProcesses')],
  },
  {
    name: 'back-pressure: processes in the store, Redis',
    edits: off(
      `${SCRIPTS}/includes/queue.lua`,
      "if most and redis.call('ZCARD', queue_key) >= most and",
      'if false and',
    ),
    suites: [suite(REDIS_BATCHES, 'a full queue'), contract('redis', 'full')],
  },
  {
    name: 'renewal batch: none is dropped by the watchdog',
    edits: off(
      WATCHDOG,
      'void this.#renewAll([...due, ...along]);',
      'void this.#renewAll([...due, ...along].slice(1));',
    ),
    suites: [suite(RENEWALS)],
  },
  {
    name: 'renewal batch: none is dropped by the store',
    edits: off(
      'lib/stores/redis/redis-renewals.ts',
      'all.slice(i * most, (i + 1) * most)',
      'all.slice(i * most, (i + 1) * most - 1)',
    ),
    suites: [suite(REDIS_BATCHES, 'renewals on a real server')],
  },
  {
    name: 'renewal batch: few commands for many leases',
    edits: off(WATCHDOG, 'const BATCH_WINDOW = 0.1;', 'const BATCH_WINDOW = 0;'),
    suites: [suite(RENEWALS, '10 000')],
  },
  {
    name: 'renewal batch: an answer that is missing is no crash',
    edits: off(
      'lib/holding/store-renewals.ts',
      'outcomes.length === requests.length',
      'outcomes.length > -1',
    ),
    suites: [suite(RENEWALS, 'forgets an answer')],
  },
];
