import { type Mutant, suite } from './mutant.js';

const SQL = 'lib/stores/postgres/sql';
const CONTRACT = 'test/stores/postgres.spec.ts';
const PROTOCOL = 'test/stores/postgres-protocol.spec.ts';
const LOSS = 'test/stores/postgres-loss.spec.ts';
const STARTUP = 'test/stores/postgres-startup.spec.ts';

function off(file: string, find: string, put = ''): Mutant['edits'] {
  return [{ file, find, put }];
}

/** Protections of the PostgreSQL store: in its functions, and in what it does around them. */
export const postgresMutants: readonly Mutant[] = [
  {
    name: 'postgres: release compares the owner',
    edits: off(`${SQL}/40-release.sql`, 'AND owner = a_owners[i] AND NOT queued', 'AND NOT queued'),
    suites: [suite(CONTRACT, 'the late release of an old holder')],
  },
  {
    name: 'postgres: renew compares the owner',
    edits: off(
      `${SQL}/50-renew.sql`,
      'AND h.owner = asked.owner AND h.until_us > now_us',
      'AND h.until_us > now_us',
    ),
    suites: [suite(CONTRACT, 'the late renewal of an old holder')],
  },
  {
    name: 'postgres: a lease that ran out is not renewed',
    edits: off(`${SQL}/50-renew.sql`, ' AND h.until_us > now_us'),
    suites: [suite(CONTRACT, 'a lease that ended is not ours any more')],
  },
  {
    name: 'postgres: renew never shortens',
    edits: off(
      `${SQL}/50-renew.sql`,
      'greatest(h.until_us, now_us + asked.lease * 1000)',
      'now_us + asked.lease * 1000',
    ),
    suites: [suite(CONTRACT, 'a renewal never shortens a lease')],
  },
  {
    name: 'postgres: acquire recognises its own token',
    edits: off(
      `${SQL}/30-acquire.sql`,
      'IF held.owner = a_owner THEN RETURN concat_ws',
      'IF false THEN RETURN concat_ws',
    ),
    suites: [suite(CONTRACT, 'acquire: the same hold with the same fencing token')],
  },
  {
    name: 'postgres: the fence is above the last one',
    edits: off(`${SQL}/30-acquire.sql`, 'greatest(h.fence + 1, EXCLUDED.fence)', 'EXCLUDED.fence'),
    suites: [suite(CONTRACT, 'counted on from a hold, when it is released')],
  },
  {
    name: 'postgres: release writes the last used fence back',
    edits: off(`${SQL}/40-release.sql`, 'SET fence = greatest(fence, a_useds[i]),', 'SET'),
    suites: [suite(CONTRACT, 'counted on from a hold, when it is released')],
  },
  {
    name: 'postgres: who was ended by force is not released cleanly',
    edits: off(`${SQL}/60-operators.sql`, 'SET fence = above, lineage = above,', 'SET fence = above,'),
    suites: [suite(CONTRACT, 'after it the old holder can neither renew nor release')],
  },
  {
    name: 'postgres: a waiter that is gone is passed over',
    edits: off(`${SQL}/20-clock.sql`, 'CONTINUE WHEN @schema@.gone_v1(waiter.process);'),
    suites: [
      suite(CONTRACT, 'a process that stops being granted to is skipped'),
      suite(PROTOCOL, 'was killed'),
    ],
  },
  {
    name: 'postgres: a pushed grant is short until it is confirmed',
    edits: off(`${SQL}/20-clock.sql`, 'lease := least(waiter.lease_ms, 5000);', 'lease := waiter.lease_ms;'),
    suites: [suite(PROTOCOL, 'frozen when it is granted')],
  },
  {
    name: 'postgres: queued first is served first when a lease runs out',
    edits: off(
      `${SQL}/20-clock.sql`,
      'ORDER BY ticket, owner LIMIT 1',
      'ORDER BY ticket DESC, owner LIMIT 1',
    ),
    suites: [suite(CONTRACT, 'processes are served in the order')],
  },
  {
    name: 'postgres: the name does not change hands under a transaction that relies on it',
    edits: [
      { file: `${SQL}/40-release.sql`, find: 'AND NOT queued FOR UPDATE SKIP LOCKED', put: 'AND NOT queued' },
      {
        file: `${SQL}/20-clock.sql`,
        find: 'RETURN NOT FOUND;\nEND $$;\n\n-- The token above',
        put: 'RETURN false;\nEND $$;\n\n-- The token above',
      },
    ],
    suites: [suite(PROTOCOL, 'the name changes hands when it has ended')],
  },
  {
    name: 'postgres: all names are closed after a loss',
    edits: off(`${SQL}/30-acquire.sql`, 'IF closed_us > 0 THEN', 'IF false THEN'),
    suites: [suite(LOSS, 'nobody is granted what another may still hold')],
  },
  {
    name: 'postgres: who renews while names are closed keeps its lock',
    edits: off(`${SQL}/50-renew.sql`, "IF '-1' = ANY (answers) AND", 'IF false AND'),
    suites: [suite(LOSS, 'nobody is granted what another may still hold')],
  },
  {
    name: 'postgres: the longest lease is on the disk before it is granted',
    edits: off(
      'lib/stores/postgres/postgres-session.ts',
      'return leaseMs <= this.#longestLeaseMs;',
      'return true;',
    ),
    suites: [suite(LOSS, 'a lease longer than any before')],
  },
  {
    name: 'postgres: names of a batch are taken in one order',
    edits: off(
      `${SQL}/20-clock.sql`,
      'array_agg(u.pos ORDER BY u.name COLLATE "C", u.pos)',
      'array_agg(u.pos ORDER BY u.pos)',
    ),
    suites: [suite(PROTOCOL, 'opposite orders')],
  },
  {
    name: 'postgres: what is forgotten nobody waits for',
    edits: off(`${SQL}/60-operators.sql`, ' AND q.seen_us > @now@ - 90000000'),
    suites: [suite(PROTOCOL, 'what dead processes left')],
  },
  {
    name: 'postgres: the functions refuse an isolation that strands waiters',
    edits: off('lib/stores/postgres/postgres-schema.ts', "<> 'read committed' THEN", "= 'nothing' THEN"),
    suites: [suite(STARTUP, 'strands waiters')],
  },
  {
    name: 'postgres: our sessions are read committed whatever the user has',
    edits: off('lib/stores/postgres/postgres-session.ts', "default_transaction_isolation: 'read committed',"),
    suites: [suite(STARTUP, 'serializable')],
  },
  {
    name: 'postgres: tables are nobody’s but the functions’',
    edits: off(
      'lib/stores/postgres/postgres-schema.ts',
      'SECURITY DEFINER SET search_path',
      'SET search_path',
    ),
    suites: [suite(CONTRACT, 'free after the release')],
  },
  {
    name: 'postgres: a listener that is cut listens anew',
    edits: off(
      'lib/stores/postgres/postgres-listener.ts',
      '    this.#nap.abort();\n    if (connection',
      '    if (connection',
    ),
    suites: [suite(PROTOCOL, 'it listens anew at once')],
  },
];
