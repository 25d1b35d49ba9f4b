/** `npm run test:soak -- --minutes N [--seed S]` */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { FaultCell } from './fault-cell.js';
import { soakRound, type SoakRound } from './soak.js';
import { WorkerPool } from './worker-pool.js';
import { endProcess } from '../../support/end-process.js';

const ROUND_MS = 25_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

const endsAtMs = performance.now() + Number(values.minutes) * 60_000;
const startedAtMs = performance.now();
const pool = new WorkerPool();
const rounds: (SoakRound & { readonly seed: string })[] = [];
let fencesBefore: ReadonlyMap<string, number> = new Map();
console.log(`soak: ${values.minutes} minutes, seed ${values.seed}`);
for (let n = 0; performance.now() < endsAtMs; n++) {
  const seed = `${values.seed}.${n}`;
  const round = await soakRound({ seed, roundMs: ROUND_MS, pool, fencesBefore });
  fencesBefore = round.measures.fences;
  rounds.push({ ...round, seed });
  report(seed, round);
}
const stuckWorkers = await pool.close();

console.log(soakTable());
const total = sumOf((round) => round.violations.length) + stuckWorkers;
const minutes = ((performance.now() - startedAtMs) / 60_000).toFixed(1);
console.log(
  [
    `${sumOf((round) => round.measures.acquisitions)} acquisitions in ${rounds.length} rounds, ${minutes} minutes`,
    `worst wait ${worstOf((round) => round.measures.worstWaitMs)} ms`,
    `worst idle after a fault ${worstOf((round) => round.measures.worstIdleMs)} ms`,
    `${sumOf((round) => round.measures.refusedWrites)} stale writes refused`,
    `${sumOf((round) => (round.exclusive ? 0 : round.measures.overlaps))} overlaps outside the bounds of M1`,
    `${total} violations, seed ${values.seed}`,
  ].join(' · '),
);
if (stuckWorkers > 0) console.log(`${stuckWorkers} worker processes did not end by themselves`);
endProcess(total === 0 ? 0 : 1);

function report(seed: string, { violations, measures, faults }: SoakRound): void {
  const struck = [...faults.values()].reduce((sum, count) => sum + count, 0);
  console.log(
    `round ${seed}: ${measures.acquisitions} acquisitions, ${struck} faults, ${violations.length} violations`,
  );
  for (const { rule, message } of violations.slice(0, 5)) console.log(`  ${rule}: ${message}`);
}

/** Each fault: how often it struck, in how many rounds, and what those rounds met. A round has several faults. */
function soakTable(): string {
  const table = new Table({
    head: ['fault', 'struck', 'rounds', 'violations', 'worst wait', 'seeds of violations'],
    style: { head: [], border: [] },
  });
  const faults = new Set<FaultCell>(rounds.flatMap((round) => [...round.faults.keys()]));
  for (const fault of [...faults].toSorted((a, b) => a.row - b.row)) {
    const met = rounds.filter((round) => round.faults.has(fault));
    table.push([
      fault.name,
      met.reduce((sum, round) => sum + (round.faults.get(fault) ?? 0), 0),
      met.length,
      met.reduce((sum, round) => sum + round.violations.length, 0),
      `${Math.max(...met.map((round) => round.measures.worstWaitMs)).toFixed(0)} ms`,
      met
        .filter((round) => round.violations.length > 0)
        .map((round) => round.seed)
        .join(' '),
    ]);
  }
  return table.toString();
}

function sumOf(number: (round: SoakRound) => number): number {
  return rounds.reduce((sum, round) => sum + number(round), 0);
}

function worstOf(number: (round: SoakRound) => number): string {
  return Math.max(0, ...rounds.map(number)).toFixed(0);
}
