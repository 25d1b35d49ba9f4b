import { type Mutant, suite } from './mutant.js';

const BOUNDS = 'lib/stores/mechanics/bounds.ts';
const BATCHER = 'lib/stores/mechanics/turn-batcher.ts';
const LINK = 'lib/stores/redis/redis-link.ts';
const ACQUISITION = 'lib/stores/mechanics/acquisition.ts';
const ERRORS = 'lib/stores/redis/redis-errors.ts';
const WATCH = 'lib/stores/mechanics/silence-watch.ts';
const BLOCKED = 'test/faults/blocked-loop.spec.ts';
const PASSING = 'test/faults/passing-states.spec.ts';
const BOUNDS_SPEC = 'test/stores/mechanics/bounds.spec.ts';

/** How long an answer is waited for, and what is asked again. */
export const redisPatienceMutants: readonly Mutant[] = [
  {
    name: 'a bound does not count what we slept',
    edits: [
      {
        file: BOUNDS,
        find: 'Math.min(this.clock.monotonicMs() - this.#lookedAtMs, MOST_BETWEEN_LOOKS_MS)',
        put: '(this.clock.monotonicMs() - this.#lookedAtMs)',
      },
    ],
    suites: [suite(BLOCKED, 'starts, although'), suite(BOUNDS_SPEC, 'what we slept')],
  },
  {
    name: 'what lies in the sockets is read before a bound is over',
    edits: [
      {
        file: BOUNDS,
        find: 'whenSocketsAreRead(this.clock, () => this.#ring());',
        put: 'this.#ring();',
      },
    ],
    suites: [suite(BOUNDS_SPEC, 'however short')],
  },
  {
    name: 'what lies in the sockets is read before a wait is over',
    edits: [
      {
        file: 'lib/runtime/alarm-clock.ts',
        find: 'else whenSocketsAreRead(this.clock, () => this.#ringDue());',
        put: 'else this.#ringDue();',
      },
      { file: 'lib/waiting/line.ts', find: 'isUnanswered && nowMs <', put: 'false && nowMs <' },
    ],
    suites: [suite(BLOCKED, 'has the lock that was pushed')],
  },
  {
    name: 'who slept over the end of its wait hears the answer of the store',
    edits: [{ file: 'lib/waiting/line.ts', find: 'isUnanswered && nowMs <', put: 'false && nowMs <' }],
    suites: [suite(BLOCKED, 'a store that needs a moment')],
  },
  {
    name: 'a dead connection is dropped',
    edits: [{ file: WATCH, find: 'socket?.destroy?.(', put: 'void (' }],
    suites: [suite(BLOCKED, 'is dropped when nothing came')],
  },
  {
    name: 'a connection in which the answers lie is kept',
    edits: [
      {
        file: 'lib/stores/redis/redis-client.ts',
        find: 'socketTimeout: undefined, // rings',
        put: 'socketTimeout: Math.ceil(commandMs * 1.5), // rings',
      },
      {
        file: 'lib/stores/redis/redis-client.ts',
        find: 'Object.assign(client.options ?? {}, { socketTimeout: undefined });',
        put: '',
      },
    ],
    suites: [suite(BLOCKED, 'reads the answers')],
  },
  {
    name: 'a state that passes is waited for',
    edits: [{ file: ACQUISITION, find: '(this.isPatient && isRefused)', put: 'false' }],
    suites: [suite(PASSING, 'answers NOREPLICAS')],
  },
  {
    name: 'a refused request that does not wait is sent again within its bound',
    edits: [
      {
        file: BATCHER,
        find: '(this.carrier.link.isPassing(error) && request.isPatient !== true)',
        put: 'false',
      },
    ],
    suites: [suite(PASSING, 'within the bound')],
  },
  {
    name: 'a refused call is sent again within its bound',
    edits: [
      {
        file: 'lib/stores/mechanics/repeated-call.ts',
        find: 'isRefusal ? connection.isPassing(error) : once',
        put: 'isRefusal ? false : once',
      },
    ],
    suites: [suite(PASSING, 'within the bound')],
  },
  {
    name: 'what does not pass is told at once',
    edits: [{ file: ERRORS, find: 'PASSING.has(firstWord(message))', put: 'firstWord(message).length > 0' }],
    suites: [suite(PASSING, 'is told at once')],
  },
  {
    name: 'who was refused is asked again at growing distances',
    edits: [
      {
        file: 'lib/stores/mechanics/tries.ts',
        find: 'FIRST_PACE_MS * 2 ** refusals',
        put: 'FIRST_PACE_MS',
      },
    ],
    suites: [suite(PASSING, 'growing distances')],
  },
  {
    name: 'what was only refused is not undone',
    edits: [{ file: ACQUISITION, find: 'if (mayBeThere) this.home.undo', put: 'this.home.undo' }],
    suites: [suite(PASSING, 'nothing to undo')],
  },
  {
    name: 'a server that loads or is busy when we connect is waited for',
    edits: [{ file: LINK, find: 'this.#isRefused ? settle() : look()', put: 'look()' }],
    suites: [suite(PASSING, 'who starts meanwhile')],
  },
  {
    name: 'the last refusal is told, not the silence of a last try',
    edits: [
      { file: 'lib/stores/mechanics/tries.ts', find: 'isRefusal || this.#refusals === 0', put: 'true' },
    ],
    suites: [suite(PASSING, 'what the server said, also')],
  },
];
