import { contract, type Edit, type Mutant, suite } from './mutant.js';

const SCRIPTS = 'lib/stores/redis/scripts';
const ACQUIRE = `${SCRIPTS}/acquire.lua`;
const RELEASE = `${SCRIPTS}/release.lua`;
const RENEW = `${SCRIPTS}/renew.lua`;
const FORCE = `${SCRIPTS}/force.lua`;
const PROMOTE = `${SCRIPTS}/includes/promote.lua`;
const OFFER = `${SCRIPTS}/includes/offer.lua`;
const QUEUE = `${SCRIPTS}/includes/queue.lua`;
const PROTOCOL = 'test/stores/redis-protocol.spec.ts';
const FLIP = 'test/faults/address-flip.spec.ts';
const WAITING = 'test/faults/waiting-rules.spec.ts';

/** In the usual case a grant has this fence instead of the time, and is answered so. */
const withFence = (fence: string): readonly Edit[] => [
  {
    file: ACQUIRE,
    find: "'h' .. now .. lineage .. now .. owner, 'PX', lease_ms)",
    put: `'h' .. ${fence} .. lineage .. now .. owner, 'PX', lease_ms)`,
  },
  {
    file: ACQUIRE,
    find: 'answers[index] = lineage',
    put: `answers[index] = '1 ' .. ${fence} .. ' ' .. lineage .. ' ' .. lease_ms`,
  },
];

/** Protections in the Lua scripts. */
export const redisScriptMutants: readonly Mutant[] = [
  {
    name: 'release: owner check, nobody queued',
    edits: [
      {
        file: RELEASE,
        find: "if redis.pcall('GET', key) == ARGV[last - 1] then",
        put: "if #(redis.pcall('GET', key) or '') >= 72 then",
      },
    ],
    suites: [contract('redis', 'the late release of an old holder')],
  },
  {
    name: 'release: owner check, somebody queued',
    edits: [{ file: RELEASE, find: 'is_lock(state) and owner_of(state) == token', put: '#state >= 72' }],
    suites: [contract('redis', 'a waiter that gives up leaves the queue')],
  },
  {
    name: 'release: queue clean-up',
    edits: [
      {
        file: RELEASE,
        find: "redis.call('ZREM', keys.queue, token .. queued_ms .. string.sub(expected, 72))",
        put: '',
      },
    ],
    suites: [contract('redis', 'a waiter that gives up leaves the queue')],
  },
  {
    name: 'release: a repeated one is known by its lineage',
    edits: [{ file: RELEASE, find: 'then return { 2 } end', put: 'then end' }],
    suites: [contract('redis', 'release: «released» both times')],
  },
  {
    name: 'release: a larger fence for the next waiter',
    edits: [{ file: RELEASE, find: 'fence = next_fence(last, us)', put: 'fence = fence_of(state)' }],
    suites: [contract('redis', 'they go up over a hand-off')],
  },
  {
    name: 'renew: owner check',
    edits: [{ file: RENEW, find: 'is_lock(state) and owner_of(state) == token', put: 'is_lock(state)' }],
    suites: [contract('redis', 'the late renewal of an old holder')],
  },
  {
    name: 'renew: never shortens',
    edits: [{ file: RENEW, find: 'if left < lease_ms then', put: 'if true then' }],
    suites: [contract('redis', 'a renewal never shortens')],
  },
  {
    name: 'acquire: recognises its own token',
    edits: [
      { file: ACQUIRE, find: 'if owner_of(state) == string.sub(owner, 1, 22) then', put: 'if false then' },
    ],
    suites: [contract('redis', 'acquire: the same hold')],
  },
  {
    name: 'acquire: a larger fence after a clean release',
    edits: withFence('(state and string.sub(state, 2, 17) or now)'),
    suites: [contract('redis', 'they go up from holder')],
  },
  {
    name: 'acquire: fence by the clock also after a clean release',
    edits: withFence("(state and string.format('%016.0f', string.sub(state, 2, 17) + 1) or now)"),
    suites: [suite('test/faults/rolled-back.spec.ts', 'after a clean release')],
  },
  {
    name: 'release: fence of the next waiter by the clock',
    edits: [{ file: RELEASE, find: 'fence = next_fence(last, us)', put: 'fence = digits(last + 1)' }],
    suites: [suite('test/faults/rolled-back.spec.ts', 'repeated')],
  },
  {
    name: 'acquire: fence rises after a lease that ran out',
    edits: [
      { file: ACQUIRE, find: 'then lineage = now end', put: "then lineage = '0000000000000001' end" },
      ...withFence('(state and now or lineage)'),
    ],
    suites: [contract('redis', 'they go up when')],
  },
  {
    name: 'acquire: those who were queued are first',
    edits: [
      {
        file: ACQUIRE,
        find: "if none_queued or redis.call('EXISTS', KEYS[count + index]) == 0 then",
        put: 'if true then',
      },
    ],
    suites: [suite(WAITING, 'the order between processes')],
  },
  {
    name: 'acquire: one place per waiter (ZADD NX)',
    edits: [
      {
        file: QUEUE,
        find: "redis.call('ZADD', queue_key, 'NX', ticket, member) == 0",
        put: "redis.call('ZADD', queue_key, digits(us), member) < 0",
      },
    ],
    suites: [suite(WAITING, 'kept over polls')],
  },
  {
    name: 'acquire: a lost place comes back with its old ticket',
    edits: [
      {
        file: QUEUE,
        find: 'return take_place(queue_key, member, string.sub(terms, 10, 25), us, most)',
        put: "return take_place(queue_key, member, '0000000000000000', us, most)",
      },
    ],
    suites: [suite(WAITING, 'over a loss of the queue')],
  },
  {
    name: 'acquire: flag H, somebody may be queued',
    edits: [{ file: ACQUIRE, find: "redis.call('SETRANGE', keys.state, 0, 'H')", put: '' }],
    suites: [suite(WAITING, 'goes on by pushes alone')],
  },
  {
    name: 'acquire: an abandoned queue goes away',
    edits: [{ file: QUEUE, find: "redis.call('PEXPIRE', queue_key, 90000)", put: '' }],
    suites: [suite('test/bad-input.spec.ts', 'has an end')],
  },
  {
    name: 'acquire: a foreign key is not a lock',
    edits: [
      {
        file: ACQUIRE,
        find: 'if not is_lock(state) then return { not_ours(state) } end',
        put: '',
      },
    ],
    suites: [suite(PROTOCOL, 'in the place of the lock')],
  },
  {
    name: 'push: flag H while others are queued',
    edits: [{ file: PROMOTE, find: "redis.call('EXISTS', keys.queue) == 1 and 'H' or 'h'", put: "'h'" }],
    suites: [suite(WAITING, 'goes on by pushes alone')],
  },
  {
    name: 'push: only who is counted here is granted by push',
    edits: [{ file: OFFER, find: 'if listeners > 0 then', put: 'if listeners >= 0 then' }],
    suites: [suite(FLIP, 'gives no lock and no token to two')],
  },
  {
    name: 'push: who is not counted is passed over',
    edits: [{ file: OFFER, find: 'granted = listeners < 0', put: 'granted = true' }],
    suites: [suite(PROTOCOL, 'whose process is gone'), contract('redis', 'closing')],
  },
  {
    name: 'push: who is passed over is told to ask',
    edits: [{ file: OFFER, find: "redis.call('PUBLISH', channel, 'W' .. token)", put: '' }],
    suites: [suite(FLIP, 'wakes those who waited')],
  },
  {
    name: 'push: where nobody can say who listens, the lock is kept for a poll',
    edits: [{ file: OFFER, find: 'granted = listeners < 0', put: 'granted = false' }],
    suites: [suite('test/stores/redis.spec.ts', 'by polling.*the end of a slice')],
  },
  {
    name: 'push: short first lease',
    edits: [
      {
        file: OFFER,
        find: 'lease_ms = math.min(lease_ms, listeners < 0 and KEPT_FOR_POLL_MS or FIRST_LEASE_MS)',
        put: '',
      },
    ],
    suites: [suite(PROTOCOL, 'a pushed grant is short')],
  },
  {
    name: 'states of a later format are known as such',
    edits: [
      { file: `${SCRIPTS}/includes/state.lua`, find: 'if format then return -10, format end', put: '' },
    ],
    suites: [suite('test/stores/redis-formats.spec.ts', 'refuses it at once')],
  },
  {
    name: 'force: new lineage',
    edits: [
      {
        file: FORCE,
        find: 'promote(keys, { fence = fence, lineage = fence, us = us })',
        put: 'promote(keys, { fence = fence, lineage = lineage_of(state), us = us })',
      },
      { file: FORCE, find: "'f' .. fence .. fence", put: "'f' .. fence .. lineage_of(state)" },
    ],
    suites: [contract('redis', 'release by force')],
  },
  {
    name: 'force: fence above that of the victim',
    edits: [{ file: FORCE, find: 'digits(math.max(us, known + 1 + unwritten))', put: 'fence_of(state)' }],
    suites: [contract('redis', 'they go up over a release by force')],
  },
  {
    name: 'force: the holder is told',
    edits: [
      {
        file: FORCE,
        find: "redis.call('PUBLISH', channel_of(tail), 'L' .. owner_of(state) .. reason)",
        put: '',
      },
    ],
    suites: [contract('redis', 'release by force')],
  },
];
