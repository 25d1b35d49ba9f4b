import { contract, type Edit, type Mutant, suite } from './mutant.js';

const LINE = 'lib/acquire-line.ts';
const KEPT = 'lib/kept-hold.ts';
const WATCHDOG = 'lib/lease-watchdog.ts';
const SCRIPTS = 'lib/stores/redis/scripts';
const YIELD = `${SCRIPTS}/yield.lua`;
const RELEASE = `${SCRIPTS}/release.lua`;
const BATCH = `${SCRIPTS}/includes/batch.lua`;
const BATCHER = 'lib/stores/redis/redis-batcher.ts';
const STORE = 'lib/stores/redis/redis-store.ts';
const COHORT = 'test/engine/cohort.spec.ts';
const ENDS = 'test/engine/cohort-ends.spec.ts';
const PRESSURE = 'test/engine/back-pressure.spec.ts';
const RENEWALS = 'test/engine/renewal-batches.spec.ts';
const REDIS_YIELD = 'test/stores/redis-yield.spec.ts';
const REDIS_BATCHES = 'test/stores/redis-batches.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Protections in the hand-off inside a process, at the end of a slice, in batches, and against crowds. */
export const cohortMutants: readonly Mutant[] = [
  {
    name: 'cohort: the store is asked at the end of a slice',
    edits: off(LINE, 'if (kept.sliceIsOver(nowMs)) return this.#yieldOrKeep(kept, head);'),
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
    edits: off('lib/lease.ts', 'return lease === this ? ', 'return lease !== null ? '),
    suites: [suite(COHORT, 'keeps its own fencing token')],
  },
  {
    name: 'cohort: no hand-off of a hold in doubt',
    edits: off(LINE, 'if (kept.isDoubtful(now)) return this.#release(kept);'),
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
    edits: off(KEPT, '      settings.renew &&\n'),
    suites: [suite(COHORT, 'renew: false')],
  },
  {
    name: 'cohort: no hand-off to one who wants another lease',
    edits: off(KEPT, '      own.leaseMs === settings.leaseMs &&\n'),
    suites: [suite(COHORT, 'another leaseMs')],
  },
  {
    name: 'cohort: no hand-off to one who wants none',
    edits: off(KEPT, '      settings.cohortMs > 0 &&\n'),
    suites: [suite(COHORT, 'cohortMs: 0: acquires')],
  },
  {
    name: 'cohort: chains let the event loop turn',
    edits: off(
      'lib/event-loop-turns.ts',
      'return nowMs - this.#beganAtMs < LONGEST_CHAIN_MS;',
      'return true;',
    ),
    suites: [suite('test/engine/event-loop-turns.spec.ts', 'starve')],
  },
  {
    name: 'cohort: who waits goes on when a yield has failed',
    edits: off(LINE, 'this.#endYield(kept, place);\n        throw error;', 'throw error;'),
    suites: [suite(ENDS, 'a yield that fails')],
  },
  {
    name: 'back-pressure: callers of this process',
    edits: off(LINE, 'if (this.#queue.size - asking >= settings.maxWaiters) {', 'if (false) {'),
    suites: [suite(PRESSURE, 'maxWaiters')],
  },
  {
    name: 'back-pressure: the first one may not have to wait',
    edits: off(LINE, 'this.#place?.queued === false ? 1 : 0', '0'),
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
      STORE,
      'this.#renewBatch(requests.slice(start, start + RENEW_BATCH))',
      'this.#renewBatch(requests.slice(start, start + RENEW_BATCH - 1))',
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
    edits: off('lib/held-leases.ts', 'outcomes.length === requests.length', 'outcomes.length > -1'),
    suites: [suite(RENEWALS, 'forgets an answer')],
  },
  {
    name: 'release: the last token used is written back, nobody queued',
    edits: off(RELEASE, 'if used < fence then used = fence end', 'used = fence'),
    suites: [suite(REDIS_YIELD, 'writes back')],
  },
  {
    name: 'release: the last token used is written back, somebody queued',
    edits: off(
      RELEASE,
      'local last = math.max(fence_of(state), used)',
      'local last = tonumber(fence_of(state))',
    ),
    suites: [contract('redis', 'counted')],
  },
  {
    name: 'yield: a late copy gives nothing away (fence compare)',
    edits: off(
      YIELD,
      'if fence_of(state) ~= known then return { 1, fence_of(state), lineage_of(state), left } end',
    ),
    suites: [suite(REDIS_YIELD, 'does not give away')],
  },
  {
    name: 'yield: owner check',
    edits: off(
      YIELD,
      'if not (state and is_lock(state) and owner_of(state) == token) then',
      'if not (state and is_lock(state) and #state >= 72) then',
    ),
    suites: [suite(REDIS_YIELD, 'the name went to the other'), contract('redis', 'yield')],
  },
  {
    name: 'yield: the new place has a token of its own',
    edits: off(
      YIELD,
      'local ticket = join_queue(keys.queue, request, us)',
      'local ticket = join_queue(keys.queue, token .. string.sub(request, 23), us)',
    ),
    suites: [suite(REDIS_YIELD, 'the name went to the other')],
  },
  {
    name: 'yield: above the tokens that were counted on',
    edits: off(YIELD, 'local fence = next_fence(used, us)', 'local fence = next_fence(known, us)'),
    suites: [contract('redis', 'counted on')],
  },
  {
    name: 'yield: somebody may be queued',
    edits: off(YIELD, 'if string.byte(state) == 72 then', 'if false then'),
    suites: [contract('redis', 'somebody waits')],
  },
  {
    name: 'yield: a hold whose yield has no answer is ended by the store',
    edits: off(STORE, 'unknown: () => session.endings.undo(hold, true),', 'unknown: () => undefined,'),
    suites: [suite(REDIS_YIELD, 'for good')],
  },
  {
    name: 'yield: a push that comes before its reply',
    edits: off(STORE, 'if (granted) this.#yields.get(acquisition)?.overtaken();', 'if (granted) {}'),
    suites: [suite(REDIS_YIELD, 'comes before the reply')],
  },
  {
    name: 'batch: many requests in one command',
    edits: off(BATCHER, 'const BATCH = 16;', 'const BATCH = 1;'),
    suites: [suite(REDIS_BATCHES, 'in few commands')],
  },
  {
    name: 'batch: what becomes free goes first',
    edits: off(
      BATCHER,
      "['release', 'yield', 'acquire'] as const",
      "['acquire', 'yield', 'release'] as const",
    ),
    suites: [suite(REDIS_BATCHES, 'what becomes free')],
  },
  {
    name: 'batch: what nobody wants any more is not sent',
    edits: off(
      BATCHER,
      'items = given.filter((item) => item.request.wanted() || this.#drop(item));',
      'items = given;',
    ),
    suites: [suite(REDIS_BATCHES, 'is not sent at all')],
  },
  {
    name: 'batch: one refusal does not end the others',
    edits: off(
      BATCH,
      'local ok, answer = pcall(work, keys, ARGV[number])',
      'local ok, answer = true, work(keys, ARGV[number])',
    ),
    suites: [suite(REDIS_BATCHES, 'one request that the server refuses')],
  },
  {
    name: 'batch: a replica is an error of the whole',
    edits: off(BATCH, "if string.sub(text, 1, 8) == 'READONLY' then return { err = text } end"),
    suites: [suite(REDIS_BATCHES, 'is a replica')],
  },
];
