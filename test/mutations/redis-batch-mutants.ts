import { contract, type Edit, type Mutant, suite } from './mutant.js';

const SCRIPTS = 'lib/stores/redis/scripts';
const ACQUIRE = `${SCRIPTS}/acquire.lua`;
const YIELD = `${SCRIPTS}/yield.lua`;
const RELEASE = `${SCRIPTS}/release.lua`;
const FORCE = `${SCRIPTS}/force.lua`;
const BATCH = `${SCRIPTS}/includes/batch.lua`;
const BATCHER = 'lib/stores/mechanics/turn-batcher.ts';
const HOLD = 'lib/stores/redis/redis-hold.ts';
const CARRIER = 'lib/stores/redis/redis-carrier.ts';
const STORE = 'lib/stores/redis/redis-store.ts';
const POLLS = 'lib/stores/mechanics/poll-grid.ts';
const ENDINGS = 'lib/stores/mechanics/endings.ts';
const REDIS_YIELD = 'test/stores/redis-yield.spec.ts';
const REDIS_BATCHES = 'test/stores/redis-batches.spec.ts';
const REDIS_POLLS = 'test/stores/mechanics/poll-grid.spec.ts';
const TURN_BATCHER = 'test/stores/mechanics/turn-batcher.spec.ts';
const REDIS_WIRE = 'test/stores/redis-wire.spec.ts';
const REDIS_FENCES = 'test/stores/redis-fences.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Protections of the Redis store at the end of a slice, in batches, and of the tokens that a process has counted on. */
export const redisBatchMutants: readonly Mutant[] = [
  {
    name: 'acquire: above the last token also when the clock was set back',
    edits: off(
      ACQUIRE,
      'if state < earlier then lineage = string.sub(state, 18, 33) end',
      'lineage = string.sub(state, 18, 33)',
    ),
    suites: [suite(REDIS_FENCES, 'set back')],
  },
  {
    name: 'force: above tokens that the victim has not written back',
    edits: off(FORCE, 'us <= known and 1000000 or 0', '0'),
    suites: [suite(REDIS_FENCES, 'by force')],
  },
  {
    name: 'release: the last token used is written back, nobody queued',
    edits: off(HOLD, '`f${this.#lastUsed()}${this.#lineage}`', '`f${this.#fence}${this.#lineage}`'),
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
      'local ticket = join_queue(keys.queue, terms, owner, us)',
      'local ticket = join_queue(keys.queue, terms, token .. string.sub(owner, 23), us)',
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
    edits: off(CARRIER, 'readonly most = 16;', 'readonly most = 1;'),
    suites: [suite(REDIS_BATCHES, 'in few commands')],
  },
  {
    name: 'batch: what becomes free goes first',
    edits: off(
      CARRIER,
      "['release', 'gate-release', 'yield', 'gate-acquire', 'acquire'] as const",
      "['acquire', 'gate-acquire', 'yield', 'gate-release', 'release'] as const",
    ),
    suites: [suite(REDIS_BATCHES, 'what becomes free')],
  },
  {
    name: 'batch: a full command goes at once',
    edits: off(BATCHER, 'pending.length >= this.carrier.most', 'false'),
    suites: [suite(TURN_BATCHER, 'as soon as a command is full')],
  },
  {
    name: 'batch: who is alone waits for no turn',
    edits: off(BATCHER, 'if (this.#awaited === 1) queueMicrotask', 'if (false) queueMicrotask'),
    suites: [suite(TURN_BATCHER, 'goes at once when nothing else')],
  },
  {
    name: 'batch: together behind somebody else',
    edits: off(BATCHER, 'if (this.#awaited === 1) queueMicrotask', 'if (true) queueMicrotask'),
    suites: [suite(TURN_BATCHER, 'at the end of the turn')],
  },
  {
    name: 'memory: what comes and goes dies young',
    edits: off('lib/runtime/fleeting-map.ts', 'this.#gone > GONE + this.#entries.size', 'false'),
    suites: [suite('test/stores/redis-memory.spec.ts', 'dies young')],
  },
  {
    name: 'batch: what nobody wants any more is not sent',
    edits: off(BATCHER, 'given.every((item) => item.request.wanted())', 'true'),
    suites: [suite(REDIS_BATCHES, 'is not sent at all')],
  },
  {
    name: 'acquire: those who were queued are first, for every name of a command',
    edits: [
      {
        file: ACQUIRE,
        find: "redis.call('EXISTS', unpack(KEYS, count + 1)) == 0",
        put: "redis.call('EXISTS', KEYS[count + 1]) == 0",
      },
    ],
    suites: [suite(REDIS_WIRE, 'are not overtaken')],
  },
  {
    name: 'acquire: each of a command has the lease that it asked for',
    edits: [
      {
        file: ACQUIRE,
        find: "shared_ms or string.match(ARGV[index * 2], '[1-9]%d*')",
        put: "string.match(ARGV[2], '[1-9]%d*')",
      },
    ],
    suites: [suite(REDIS_WIRE, 'each of a command')],
  },
  {
    name: 'acquire: microseconds have six digits',
    edits: [
      { file: ACQUIRE, find: "if #micros < 6 then micros = string.sub('00000' .. micros, -6) end", put: '' },
    ],
    suites: [suite('test/simulation/differential.spec.ts', 'random sequences')],
  },
  {
    name: 'batch: a release that expects another state looks what there is',
    edits: off(
      RELEASE,
      "if redis.pcall('GET', key) == ARGV[last - 1] then",
      "if redis.pcall('GET', key) then",
    ),
    suites: [suite(REDIS_WIRE, 'only the owner token')],
  },
  {
    name: 'batch: one refusal does not end the others',
    edits: off(
      BATCH,
      'local ok, answer = pcall(work, keys, terms, unpack(ARGV, before + 1, before + own))',
      'local ok, answer = true, work(keys, terms, unpack(ARGV, before + 1, before + own))',
    ),
    suites: [suite(REDIS_BATCHES, 'one request that the server refuses')],
  },
  {
    name: 'batch: a replica is an error of the whole',
    edits: off(BATCH, "if string.sub(text, 1, 8) == 'READONLY' then return { err = text } end"),
    suites: [suite(REDIS_BATCHES, 'is a replica')],
  },
  {
    name: 'polls of one process meet on a grid',
    edits: off(POLLS, 'Math.ceil((nowMs + delayMs) / GRID_MS) * GRID_MS', 'nowMs + delayMs'),
    suites: [suite(REDIS_POLLS, 'in one turn')],
  },
  {
    name: 'polls of one turn travel together',
    edits: off(
      POLLS,
      'if (this.#due.length > 1) return;\n    this.clock.nextTurn(() => {',
      '((send: () => void) => send())(() => {',
    ),
    suites: [
      suite(REDIS_POLLS, 'is asked in one turn'),
      suite(REDIS_POLLS, 'many of them with each command'),
    ],
  },
  {
    name: 'what was repeated and then answered busy is undone',
    edits: off('lib/stores/mechanics/acquisition.ts', 'if (repeated) this.home.undo(this.hold, true);'),
    suites: [suite(REDIS_YIELD, 'had nothing to give back')],
  },
  {
    name: 'what was repeated is undone once more after its end',
    edits: off(ENDINGS, 'if (hold.mayComeBack) this.#track(this.#onceMore(hold));'),
    suites: [suite(REDIS_YIELD, 'for nobody only for a moment')],
  },
];
