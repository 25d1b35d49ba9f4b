/**
 * Every interleaving of small cases: `npm run test:model [-- --minutes 10] [--only '2 × 2']`. Ends with a table; exit code 1 when a law
 * was broken (its trace is printed) or a seeded bug was not found. A case that is not complete when its time is over says so.
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { type Case, check, describeCase, FAST_CASES, LARGE_CASES } from './model/cases.js';
import type { Exploration } from './model/explore.js';
import { SEEDED_BUGS } from './model/seeded-bugs.js';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '5' }, only: { type: 'string', default: '' } },
});
/** Of each case. */
const mostMs = Number(values.minutes) * 60_000;
let failures = 0;
const PLAIN = { head: [], border: [], compact: true };

const table = new Table({
  head: ['case', 'states', 'transitions', 'ends', 'seconds', 'violations'],
  style: PLAIN,
});
for (const it of [...FAST_CASES, ...LARGE_CASES]) {
  if (describeCase(it).includes(values.only)) table.push(row(describeCase(it), run(it)));
}
process.stdout.write(`${table.toString()}\n`);

const bugs = new Table({ head: ['seeded bug', 'found by the law', 'steps', 'after states'], style: PLAIN });
for (const bug of values.only === '' ? SEEDED_BUGS : []) {
  const { violation, states } = check({ clients: 2, cycles: 1, ...bug });
  if (violation === undefined) failures += 1;
  bugs.push([bug.name, violation?.law ?? 'NOT FOUND', violation?.trace.length ?? '', thousands(states)]);
}
process.stdout.write(`${bugs.toString()}\n`);
process.exitCode = failures === 0 ? 0 : 1;

function run(it: Case): Exploration {
  const onProgress = (states: number, transitions: number) =>
    process.stderr.write(
      `\r${describeCase(it)}: ${thousands(states)} states, ${thousands(transitions)} transitions `,
    );
  const found = check(it, { order: 'depth', mostMs, onProgress });
  process.stderr.write(`\r\u001B[K${row(describeCase(it), found).join(' · ')}\n`);
  if (found.violation === undefined) return found;
  failures += 1;
  // Once more, for the shortest way to a violation; this machine's memory may not be enough for it.
  const shortest =
    check(it, { order: 'breadth', mostMs, mostStates: 2_000_000 }).violation ?? found.violation;
  process.stdout.write(
    `${describeCase(it)}: broken is «${shortest.law}»\n  ${shortest.trace.join('\n  ')}\n`,
  );
  return found;
}

function row(
  name: string,
  { states, transitions, ends, complete, violation, tookMs }: Exploration,
): string[] {
  const seen = complete ? thousands(states) : `${thousands(states)}, not complete`;
  return [
    name,
    seen,
    thousands(transitions),
    String(ends),
    (tookMs / 1_000).toFixed(1),
    violation === undefined ? '0' : '1',
  ];
}

function thousands(count: number): string {
  return count.toLocaleString('en').replaceAll(',', ' ');
}
