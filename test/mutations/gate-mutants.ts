import { type Mutant, suite } from './mutant.js';

const SCRIPTS = 'lib/stores/redis/scripts';
const GATE = `${SCRIPTS}/includes/gate.lua`;
const OPEN = `${SCRIPTS}/includes/gate-open.lua`;
const RANDOM = suite('test/simulation/gate.spec.ts', 'random operations');
const SPEC = 'test/stores/redis-gate.spec.ts';

/** One protection in a script, which the random test finds missing. */
const inScript = (name: string, file: string, find: string, put: string): Mutant => ({
  name: `gate: ${name}`,
  edits: [{ file: file.includes('/') ? file : `${SCRIPTS}/${file}`, find, put }],
  suites: [RANDOM],
});

/** Protections of the general gate. */
export const gateMutants: readonly Mutant[] = [
  inScript(
    'a writer waits for readers',
    GATE,
    'return gate.used == 0 and gate.is == 0 and gate.ix == 0 end',
    'return true end',
  ),
  inScript('readers wait for a writer', GATE, 'if gate.x then return false end', ''),
  inScript('one upgradeable hold at a time', GATE, "(mode == 's' or not gate.u)", 'true'),
  inScript('permits end at the limit', GATE, 'gate.used + weight <=', 'gate.used <='),
  inScript('an upgrade waits for other readers', GATE, 'gate.u and gate.used == 1', 'gate.u'),
  inScript(
    'leases end by the server time',
    GATE,
    'if not gate.is_fresh and purge(gate, keys) then let_in(gate, keys, told.self) end',
    '',
  ),
  inScript(
    'the counters are saved whatever is answered',
    GATE,
    'if gate.changed then save',
    'if gate.is_longer then save',
  ),
  inScript('who ran out has no clean end', GATE, 'elseif #over > 0 then break_lineage(gate) end', 'end'),
  inScript(
    'each grant has a new fence',
    GATE,
    'gate.fence, gate.is_longer = fence, true',
    'gate.is_longer = true',
  ),
  inScript('an upgrade has a new fence', GATE, 'hold.fence = gate.fence\n', ''),
  inScript(
    'a hold that ends takes its upgrade along',
    GATE,
    "if hold.mode == 'u' then redis.call('ZREM', keys.waiting",
    "if false then redis.call('ZREM', keys.waiting",
  ),
  inScript(
    'a weight above the limit keeps nobody waiting',
    GATE,
    'local is_too_heavy = mode == ',
    'local is_too_heavy = false and mode == ',
  ),
  inScript(
    'a gate that nobody needs is closed',
    GATE,
    'if not last and not is_waited_for then',
    'if false then',
  ),
  inScript('the state outlives the longest lease', GATE, 'tonumber(last) - now_ms + 1000 or 0', '1000 or 0'),
  inScript(
    'holders and records outlive the longest lease',
    GATE,
    "redis.call('PEXPIRE', keys.records, lasts_ms)",
    "redis.call('PEXPIRE', keys.records, 1000)",
  ),
  inScript(
    'an older release is left alone: its hold',
    OPEN,
    'if is_held and not is_of_this_release(string.sub(state, 72)) then return nil, { -13 } end',
    '',
  ),
  inScript(
    'an older release is left alone: its place',
    OPEN,
    'if not is_of_this_release(string.sub(waiting[index], 31)) then return nil, { -13 } end',
    '',
  ),
  inScript('what was held before is held at the gate', OPEN, "count(gate, 'x', 1, 1)", ''),
  inScript(
    'who was queued before keeps the ticket',
    OPEN,
    "'NX', waiting[index + 1], moved",
    "'NX', us, moved",
  ),
  inScript(
    'a newcomer does not pass the queue',
    'gate-acquire.lua',
    'if not gate.is_waited_for and fits',
    'if fits',
  ),
  inScript(
    'acquire knows its own token',
    'gate-acquire.lua',
    'if own then return granted(gate, own) end\n  if (mode',
    'if (mode',
  ),
  inScript('a limit and shared exclude each other', 'gate-acquire.lua', 'return { -14, gate.family }', ''),
  inScript(
    'a holder is told of who opens it and waits',
    'gate-acquire.lua',
    "if gate and is_held then redis.call('PUBLISH', channel_of(string.sub(state, 72)), 'S' .. owner_of(state)) end",
    '',
  ),
  {
    name: 'gate: a holder hears that somebody waits',
    edits: [
      {
        file: 'lib/stores/redis/redis-store.ts',
        find: 'waitedFor: (ownerToken) => this.context.onWaitedFor?.(ownerToken),',
        put: 'waitedFor: () => undefined,',
      },
    ],
    suites: [suite(SPEC, 'tells its holder')],
  },
  inScript('a stored limit wins', 'gate-acquire.lua', 'request.stored or gate', 'gate'),
  inScript(
    'an exclusive lock stays in format 1',
    'gate-acquire.lua',
    "if request.mode == 'x' and request.lease_ms <= LONGEST_PLAIN_MS then return nil, { -12 } end",
    '',
  ),
  inScript(
    'who is answered busy opens nothing',
    'gate-acquire.lua',
    'if is_held and not request.waits then return nil, { 0, left } end',
    '',
  ),
  inScript(
    'release lets in the next',
    'gate-release.lua',
    'gate.changed = true\n      let_in(gate, keys)',
    'gate.changed = true',
  ),
  inScript(
    'release writes the last token back',
    'gate-release.lua',
    'if used > gate.fence then gate.fence = used end',
    '',
  ),
  inScript(
    'a repeated release is known by its lineage',
    'gate-release.lua',
    'then return { 2 } end',
    'then return { -1 } end',
  ),
  inScript('a renewal never shortens', 'gate-renew.lua', 'if hold.left < lease_ms then', 'if true then'),
  inScript(
    'a renewal finds its own hold only',
    'gate-renew.lua',
    'if not hold then return { -1 } end',
    'if not hold then return { 1, lease_ms } end',
  ),
  inScript(
    'a wait for an upgrade ends',
    'gate-upgrade.lua',
    "if redis.call('ZREM', keys.waiting, member) == 1 then",
    'if false then',
  ),
  inScript('a downgrade lets readers in', 'gate-downgrade.lua', 'let_in(gate, keys)', ''),
  inScript(
    'a downgrade keeps the token that was used last',
    'gate-downgrade.lua',
    'if used > hold.fence then hold.fence = used end',
    '',
  ),
  inScript('force breaks the lineage', 'gate-force.lua', 'break_lineage(gate)', ''),
  inScript(
    'force ends only the hold that issued the token',
    'gate-force.lua',
    'if hold and issued(hold) then',
    'if hold then',
  ),
  inScript('a limit that is raised lets in at once', 'gate-limit.lua', 'let_in(gate, keys)', ''),
  {
    name: 'gate: force jumps ahead only where the clock was set back',
    edits: [
      {
        file: `${SCRIPTS}/gate-force.lua`,
        find: 'if us <= tonumber(gate.found) then',
        put: 'if us <= tonumber(gate.fence) then',
      },
    ],
    suites: [suite(SPEC, 'force that finds a lease run out')],
  },
  {
    name: 'gate: who is sent on is not queued yet',
    edits: [
      {
        file: 'lib/stores/redis/redis-acquisition.ts',
        find: 'this.ask();\n      return;',
        put: 'this.ask();',
      },
    ],
    suites: [suite(SPEC, 'a request that is sent on')],
  },
  {
    name: 'gate: a refusal half-way keeps the word by which a client knows it',
    edits: [{ file: GATE, find: 'return { err = text }', put: 'error(text, 0)' }],
    suites: [suite(SPEC, 'what the server refuses in the middle')],
  },
  {
    name: 'gate: the client asks plainly when it is told to, and the gate when it is told to',
    edits: [
      {
        file: 'lib/stores/redis/redis-release.ts',
        find: 'if (code === ASK_GATE || code === ASK_PLAINLY) return this.#ask(code === ASK_GATE);',
        put: '',
      },
    ],
    suites: [suite(SPEC, 'readers behind a writer enter')],
  },
  {
    name: 'gate: rights are tried before anything is locked',
    edits: [{ file: 'lib/stores/redis/redis-acquisition.ts', find: 'this.home.gate.isAllowed', put: 'true' }],
    suites: [suite(SPEC, 'a user without a right')],
  },
  {
    name: 'gate: a renewal looks in the other place',
    edits: [
      {
        file: 'lib/stores/redis/redis-renewals.ts',
        find: 'if (code === ASK_GATE || code === ASK_PLAINLY) {',
        put: 'if (false) {',
      },
    ],
    suites: [suite(SPEC, 'goes on: renewed')],
  },
];
