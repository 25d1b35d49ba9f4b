import { loadavg } from 'node:os';
import { Command } from 'commander';
import { markdownTable } from 'markdown-table';

import { formatNumber } from '../../report/format.js';
import { describeMachine } from '../../report/machine.js';
import { countInstructions, hasCallgrind } from '../../run/callgrind.js';
import { runAlone } from '../../run/measured-process.js';
import { failure } from '../../run/outcome.js';
import { type BenchRedis, startRedis } from '../../run/redis-server.js';
import { type KindId, KINDS, kindPairs } from './pairs-of-a-kind.js';
import { reentry } from './reentry.js';
import { CROWDS, starve } from './starvation.js';

const LOOPS = 64;
const MEASURED = { warmUp: 1_000, pairs: 2_000 };
/** Counted with so many pairs and with three times as many; the difference is free of what a start and an end cost. */
const COUNTED = 100;
const BOUND_MS = 120_000;

const ids = Object.keys(KINDS) as KindId[];
const number = formatNumber;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([head, ...rows], { align: head.map((_, index) => (index === 0 ? 'l' : 'r')) });
}

async function instructionsOf(kind: KindId): Promise<number> {
  const count = (pairs: number): Promise<number> =>
    countInstructions((url) => {
      const params = { kind, loops: 1, warmUp: 0, pairs };
      return runAlone(kindPairs, params, { adapter: 'ours', url, boundMs: BOUND_MS });
    });
  return ((await count(3 * COUNTED)) - (await count(COUNTED))) / (2 * COUNTED);
}

/** One row; what this version of ours does not have is said in it. */
async function kindRow(redis: BenchRedis, kind: KindId, counts: boolean): Promise<string[]> {
  const { title } = KINDS[kind];
  try {
    const cells: string[] = [];
    for (const loops of [1, LOOPS]) {
      await redis.empty();
      const where = { adapter: 'ours', url: redis.url, boundMs: BOUND_MS } as const;
      const found = await runAlone(kindPairs, { kind, loops, ...MEASURED }, where);
      cells.push(number(found.commands, 2), number(found.scriptUs, 1), number(found.serverUs, 1));
    }
    return [title, ...cells, counts ? number(await instructionsOf(kind), 0) : '–'];
  } catch (error) {
    const outcome = failure(error);
    const reason = outcome.kind === 'measured' ? '' : outcome.reason;
    return [`${title}: ${reason}`, ...Array.from({ length: 7 }, () => '–')];
  }
}

async function kindsTable(redis: BenchRedis, counts: boolean): Promise<string> {
  const rows: string[][] = [];
  for (const kind of ids) {
    const row = await kindRow(redis, kind, counts);
    rows.push(row);
    console.error(`${process.uptime().toFixed(0)} s  ${row.join(' · ')}`);
  }
  const each = ['commands', 'µs in scripts', 'server µs in all'];
  const head = ['acquire + release', ...each, ...each.map((title) => `${LOOPS} at once: ${title}`)];
  return table([...head, 'instructions, one at a time'], rows);
}

async function reentryTable(redis: BenchRedis): Promise<string> {
  await redis.empty();
  const found = await runAlone(reentry, {}, { adapter: 'ours', url: redis.url, boundMs: BOUND_MS });
  return table(
    ['levels inside each other', 'ns per level', 'the same calls without a lock', 'commands in all'],
    found.map(({ depth, nsPerLevel, plainNsPerLevel, commands }) => [
      number(depth, 0),
      number(nsPerLevel, 0),
      number(plainNsPerLevel, 0),
      number(commands, 0),
    ]),
  );
}

async function starvationTable(redis: BenchRedis): Promise<string> {
  const rows: string[][] = [];
  for (const crowd of CROWDS) {
    await redis.empty();
    const found = await starve(crowd, { url: redis.url });
    const { waits, p50, p99, longest, boundOfLongest, above, sections, roundTrip } = found;
    const times = [p50, p99, longest, boundOfLongest].map((ms) => number(ms, 1));
    rows.push([
      crowd.title,
      number(waits, 0),
      ...times,
      number(above, 0),
      number(sections, 0),
      number(roundTrip, 2),
    ]);
    console.error(`${process.uptime().toFixed(0)} s  ${crowd.title}`);
  }
  const head = [
    '',
    'waits',
    'p50, ms',
    'p99',
    'longest',
    'bound of the longest',
    'above their bound',
    'sections of others meanwhile, at most',
  ];
  return table([...head, 'round trip, ms'], rows);
}

const { instructions, onlyStarvation } = new Command('npm run bench -- kinds')
  .description(
    'What each kind of lock costs, re-entry, and how long somebody waits in a crowd of the other mode.',
  )
  .option('--no-instructions', 'does not count instructions, which takes most of the time')
  .option('--only-starvation', 'only how long somebody waits in a crowd')
  .parse()
  .opts<{ instructions: boolean; onlyStarvation?: true }>();
const [load = 0] = loadavg();
const redis = await startRedis();
try {
  const { cores, node, redis: version } = describeMachine(redis.version, load);
  const counts = instructions && onlyStarvation === undefined && hasCallgrind();
  console.log(`${cores} cores, load ${number(load, 1)} before it began, Node ${node}, Redis ${version}.`);
  if (onlyStarvation === undefined) {
    if (instructions && !counts) console.log('Instructions are missing: valgrind is not installed.');
    console.log(`\n${await kindsTable(redis, counts)}`);
    console.log('\nRedisson is missing: its scripts cannot be replayed here without its code.');
    console.log(`\n${await reentryTable(redis)}`);
  }
  console.log(`\n${await starvationTable(redis)}`);
  console.log(
    '\nBound: the longest section that was open during the wait + one slice of 10 ms + 2 round trips. Sections last 1 ms.',
  );
} finally {
  await redis.stop();
}
