import { contract, type Mutant, suite } from './mutant.js';

const ACQUISITION = 'lib/stores/redis/redis-acquisition.ts';
const ANY_ACQUISITION = 'lib/stores/mechanics/acquisition.ts';
const STORE = 'lib/stores/redis/redis-store.ts';
const LINK = 'lib/stores/redis/redis-link.ts';
const SERVER_CLOCK = 'lib/stores/mechanics/server-clock.ts';
const ENDINGS = 'lib/stores/mechanics/endings.ts';
const LOST = 'test/faults/lost-replies.spec.ts';
const RULES = 'test/faults/client-rules.spec.ts';
const STORIES = 'test/simulation/stories.spec.ts';
const WAITING = 'test/faults/waiting-rules.spec.ts';

/** Protections in the Redis store's half of the protocol: deadlines, undoing, waiting. */
export const redisClientMutants: readonly Mutant[] = [
  {
    name: 'deadline of a grant counts from before the request',
    edits: [
      {
        file: ACQUISITION,
        find: 'this.granted(leaseDeadline(sentAtMs, leaseMs), leaseMs);',
        put: 'this.granted(leaseDeadline(this.home.context.clock.monotonicMs(), leaseMs), leaseMs);',
      },
    ],
    suites: [suite(RULES, 'when its reply was slow')],
  },
  {
    name: 'deadline of a renewal counts from before the request',
    edits: [
      {
        file: LINK,
        find: 'resolve({ reply, sentAtMs })',
        put: 'resolve({ reply, sentAtMs: this.clock.monotonicMs() })',
      },
    ],
    suites: [suite(RULES, 'its renewal was slow')],
  },
  {
    name: 'deadline of a pushed grant counts from the grant',
    edits: [
      {
        file: ACQUISITION,
        find: 'leaseDeadline(this.earliestMs(push.grantedUs), push.leaseMs)',
        put: 'leaseDeadline(this.home.context.clock.monotonicMs(), push.leaseMs)',
      },
    ],
    suites: [suite(RULES, 'its push was slow')],
  },
  {
    name: 'a pushed grant is dated by our clock when the clock of the server jumps',
    edits: [{ file: SERVER_CLOCK, find: 'return isPossible ?', put: 'return true ?' }],
    suites: [suite(STORIES, 'set forward')],
  },
  {
    name: 'a push older than our last reply is no grant',
    edits: [{ file: ACQUISITION, find: 'if (!this.isNews(push.grantedUs)) return;', put: '' }],
    suites: [suite(WAITING, 'older than the last reply')],
  },
  {
    name: 'undo after an unanswered acquire',
    edits: [
      {
        file: ANY_ACQUISITION,
        find: 'this.#reject(reason);\n    if (mayHaveRun) this.home.undo(this.hold, true);',
        put: '',
      },
    ],
    suites: [
      suite(RULES, 'an acquire that nobody heard of'),
      suite(LOST, 'an acquisition that nobody hears of'),
    ],
  },
  {
    name: 'undo after an abort',
    edits: [
      {
        file: ANY_ACQUISITION,
        find: 'if (mayBeThere) this.home.undo(this.hold, this.hold.mayComeBack);',
        put: '',
      },
    ],
    suites: [contract('redis', 'a waiter that gives up leaves the queue')],
  },
  {
    name: 'undo of a late answer',
    edits: [{ file: ACQUISITION, find: 'this.home.undo(this.hold, repeated);', put: '' }],
    suites: [suite(RULES, 'answered afterwards')],
  },
  {
    name: 'second undo, for a request that is still on its way',
    edits: [{ file: ENDINGS, find: 'if (requestLost) await this.#onceMore(hold);', put: '' }],
    suites: [suite(RULES, 'an acquire that nobody heard of')],
  },
  {
    name: 'undo goes on until it is answered',
    edits: [
      {
        file: ENDINGS,
        find: 'while (!(await this.#answered(hold)) && !signal.aborted && clock.monotonicMs() < endsAtMs) {',
        put: 'await this.#answered(hold);\n    while (false) {',
      },
    ],
    suites: [suite(RULES, 'an undo that gets no answer')],
  },
  {
    name: 'a release without an answer goes on in the background',
    edits: [
      {
        file: 'lib/stores/mechanics/endings.ts',
        find: 'onFailed: () => this.undo(hold, false)',
        put: 'onFailed: () => undefined',
      },
    ],
    suites: [suite(RULES, 'a release without an answer')],
  },
  {
    name: 'nothing is sent again for an acquisition that is over',
    edits: [{ file: ANY_ACQUISITION, find: 'return !this.#isOver;', put: 'return true;' }],
    suites: [suite(RULES, 'is not sent again')],
  },
  {
    name: 'waiters poll',
    edits: [
      {
        file: ANY_ACQUISITION,
        find: 'polls.after(delayMs, () => this.#poll()',
        put: 'polls.after(Infinity, () => this.#poll()',
      },
    ],
    suites: [suite(WAITING, 'asks every few seconds')],
  },
  {
    name: 'waiters poll every few seconds, however long the lease',
    edits: [
      {
        file: 'lib/stores/mechanics/poll-grid.ts',
        find: 'LONGEST_POLL_MS = 5_000',
        put: 'LONGEST_POLL_MS = 600_000',
      },
    ],
    suites: [suite(WAITING, 'asks every few seconds')],
  },
  {
    name: 'waiters poll when pushes can be heard again',
    edits: [
      {
        file: STORE,
        find: 'for (const acquisition of this.#acquisitions.values()) acquisition.pollNow();',
        put: '',
      },
    ],
    suites: [suite(WAITING, 'can hear of grants again')],
  },
  {
    name: 'a grant that nobody waits for is passed on',
    edits: [
      {
        file: STORE,
        find: 'session.endings.undo(new RedisHold({ name, ownerToken, leaseMs, keys: withQueue(name) }), false);',
        put: '',
      },
    ],
    suites: [suite(WAITING, 'is passed on when it is granted')],
  },
  {
    name: 'a place queued beside its own grant is cleaned up at a loss',
    edits: [
      {
        file: STORE,
        find: 'if (hold.queuedMs > 0) session.endings.undo(hold, hold.mayComeBack);',
        put: 'if (false);',
      },
    ],
    suites: [suite(WAITING, 'is given up when the lease beside it is lost')],
  },
];
