import { contract, type Mutant, suite } from './mutant.js';

const SCRIPTS = 'lib/stores/redis/scripts';
const ACQUIRE = `${SCRIPTS}/acquire.lua`;
const RELEASE = `${SCRIPTS}/release.lua`;
const RENEW = `${SCRIPTS}/renew.lua`;
const FORCE = `${SCRIPTS}/force.lua`;
const PROMOTE = `${SCRIPTS}/includes/promote.lua`;
const PROTOCOL = 'test/stores/redis-protocol.spec.ts';
const WAITING = 'test/faults/waiting-rules.spec.ts';

/** Protections in the Lua scripts. */
export const redisScriptMutants: readonly Mutant[] = [
  {
    name: 'release: owner check, nobody queued',
    edits: [{ file: RELEASE, find: ' and string.sub(state, 50, 71) == ARGV[2] then', put: ' then' }],
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
      { file: RELEASE, find: "if ARGV[5] ~= '' then redis.call('ZREM', KEYS[2], ARGV[5]) end", put: '' },
    ],
    suites: [contract('redis', 'a waiter that gives up leaves the queue')],
  },
  {
    name: 'release: a repeated one is known by its lineage',
    edits: [{ file: RELEASE, find: 'then return { nonce, 2 } end', put: 'then end' }],
    suites: [contract('redis', 'release: «released» both times')],
  },
  {
    name: 'release: a larger fence for the next waiter',
    edits: [
      {
        file: RELEASE,
        find: 'digits(math.max(tonumber(fence_of(state)) + 1, us))',
        put: 'fence_of(state)',
      },
    ],
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
    edits: [{ file: ACQUIRE, find: 'if owner_of(state) == token then', put: 'if false then' }],
    suites: [contract('redis', 'acquire: the same hold')],
  },
  {
    name: 'acquire: a larger fence after a clean release',
    edits: [
      {
        file: ACQUIRE,
        find: 'math.max(string.sub(state, 2, 17) + 1, us)',
        put: 'string.sub(state, 2, 17)',
      },
    ],
    suites: [contract('redis', 'they go up from holder')],
  },
  {
    name: 'acquire: fence by the clock also after a clean release',
    edits: [
      {
        file: ACQUIRE,
        find: 'math.max(string.sub(state, 2, 17) + 1, us)',
        put: '(string.sub(state, 2, 17) + 1)',
      },
    ],
    suites: [suite('test/faults/rolled-back.spec.ts', 'after a clean release')],
  },
  {
    name: 'release: fence of the next waiter by the clock',
    edits: [
      {
        file: RELEASE,
        find: 'math.max(tonumber(fence_of(state)) + 1, us)',
        put: 'tonumber(fence_of(state)) + 1',
      },
    ],
    suites: [suite('test/faults/rolled-back.spec.ts', 'repeated')],
  },
  {
    name: 'acquire: fence rises after a lease that ran out',
    edits: [{ file: ACQUIRE, find: 'local fence = digits(us)', put: 'local fence = digits(1)' }],
    suites: [contract('redis', 'they go up when')],
  },
  {
    name: 'acquire: those who were queued are first',
    edits: [{ file: ACQUIRE, find: "if redis.call('EXISTS', queue_key) == 1 then", put: 'if false then' }],
    suites: [suite(WAITING, 'the order between processes')],
  },
  {
    name: 'acquire: one place per waiter (ZADD NX)',
    edits: [
      {
        file: ACQUIRE,
        find: "redis.call('ZADD', queue_key, 'NX', score, member)",
        put: "redis.call('ZADD', queue_key, score, member)",
      },
      {
        file: ACQUIRE,
        find: "ticket ~= '0' and ticket or string.format('%.0f', us)",
        put: "string.format('%.0f', us)",
      },
    ],
    suites: [suite(WAITING, 'kept over polls')],
  },
  {
    name: 'acquire: a lost place comes back with its old ticket',
    edits: [
      {
        file: ACQUIRE,
        find: "ticket ~= '0' and ticket or string.format('%.0f', us)",
        put: "string.format('%.0f', us)",
      },
    ],
    suites: [suite(WAITING, 'over a loss of the queue')],
  },
  {
    name: 'acquire: flag H, somebody may be queued',
    edits: [{ file: ACQUIRE, find: "redis.call('SETRANGE', state_key, 0, 'H')", put: '' }],
    suites: [suite(WAITING, 'goes on by pushes alone')],
  },
  {
    name: 'acquire: an abandoned queue goes away',
    edits: [{ file: ACQUIRE, find: "redis.call('PEXPIRE', queue_key, 90000)", put: '' }],
    suites: [suite('test/bad-input.spec.ts', 'has an end')],
  },
  {
    name: 'acquire: a foreign key is not a lock',
    edits: [{ file: ACQUIRE, find: 'if state and not is_lock(state) then', put: 'if false then' }],
    suites: [suite(PROTOCOL, 'in the place of the lock')],
  },
  {
    name: 'push: flag H while others are queued',
    edits: [{ file: PROMOTE, find: "redis.call('EXISTS', queue_key) == 1 and 'H' or 'h'", put: "'h'" }],
    suites: [suite(WAITING, 'goes on by pushes alone')],
  },
  {
    name: 'push: PUBLISH counts who listens',
    edits: [
      {
        file: PROMOTE,
        find: "redis.call('PUBLISH', channel, push) > 0",
        put: "redis.call('PUBLISH', channel, push) >= 0",
      },
    ],
    suites: [suite(PROTOCOL, 'whose process is gone'), contract('redis', 'closing')],
  },
  {
    name: 'push: short first lease',
    edits: [{ file: PROMOTE, find: 'lease_ms = math.min(lease_ms, FIRST_LEASE_MS)', put: '' }],
    suites: [suite(PROTOCOL, 'a pushed grant is short')],
  },
  {
    name: 'force: new lineage',
    edits: [
      {
        file: FORCE,
        find: 'promote(state_key, queue_key, fence, fence, us, false)',
        put: 'promote(state_key, queue_key, fence, lineage_of(state), us, false)',
      },
      { file: FORCE, find: "'f' .. fence .. fence", put: "'f' .. fence .. lineage_of(state)" },
    ],
    suites: [contract('redis', 'release by force')],
  },
  {
    name: 'force: fence above that of the victim',
    edits: [
      { file: FORCE, find: 'digits(math.max(us, tonumber(fence_of(state)) + 1))', put: 'fence_of(state)' },
    ],
    suites: [contract('redis', 'they go up over a release by force')],
  },
  {
    name: 'force: the holder is told',
    edits: [
      { file: FORCE, find: "redis.call('PUBLISH', channel, 'L' .. owner_of(state) .. reason)", put: '' },
    ],
    suites: [contract('redis', 'release by force')],
  },
];
