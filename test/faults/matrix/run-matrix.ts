import Table from 'cli-table3';
import { ServedTime, TOO_BUSY } from '../../support/served-time.js';
import { type CellRun, type FaultCell, inRow, NOTHING } from './fault-cell.js';
import { WorkerPool } from './worker-pool.js';

const TRIES = 3;

export interface MatrixOptions {
  readonly cells: readonly FaultCell[];
  readonly runs: number;
  /** The first; each run has its own: seed, seed + 1, … */
  readonly seed: number;
  /** They sleep most of the time, so some of them fit beside each other. */
  readonly atOnce: number;
  readonly onRun?: (cell: FaultCell, seed: number, run: CellRun) => void;
}

/** One cell of the matrix after all its runs. */
export interface CellResult {
  readonly cell: FaultCell;
  /** Why it was not run at all. */
  readonly missing: string | null;
  readonly runs: readonly { readonly seed: number; readonly run: CellRun }[];
}

export interface MatrixResult {
  readonly cells: readonly CellResult[];
  /** Worker processes that did not end by themselves when they were let go. */
  readonly stuckWorkers: number;
}

export async function runMatrix(options: MatrixOptions): Promise<MatrixResult> {
  const { cells, runs, seed, atOnce, onRun } = options;
  const pool = new WorkerPool();
  const results = cells.map((cell) => ({
    cell,
    missing: cell.missing(),
    runs: [] as CellResult['runs'][number][],
  }));
  const jobs = Array.from({ length: runs }, (_, n) =>
    results.map((result) => ({ result, seed: seed + n })),
  ).flat();
  const serve = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const { result, seed: own } = job;
      if (result.missing !== null) continue;
      const run = await runOnce(result.cell, own, pool);
      result.runs.push({ seed: own, run });
      onRun?.(result.cell, own, run);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, serve)); // never rejects
  return { cells: results, stuckWorkers: await pool.close() };
}

/** What is a matter of time is judged on a machine that has some. What must never happen is judged always. */
async function runOnce(cell: FaultCell, seed: number, pool: WorkerPool): Promise<CellRun> {
  for (let tries = 1; ; tries++) {
    const time = new ServedTime();
    const run = await tryOnce(cell, seed, pool);
    time.stop();
    const { busyness } = time;
    // Two holders, a token that does not rise, a stale write: no load excuses that.
    const never = run.violations.filter((violation) => violation.late !== true);
    if (run.violations.length === never.length || busyness < TOO_BUSY) return run;
    if (tries === TRIES || never.length > 0)
      return { ...run, violations: never, notJudged: sayLate(run, busyness) };
  }
}

function sayLate({ violations }: CellRun, busyness: number): string {
  const [first] = violations.filter((violation) => violation.late === true);
  const percent = (100 * busyness).toFixed(0);
  return `a process waited ${percent} % of the time for its turn, in ${TRIES} runs; the last: ${first!.rule}: ${first!.message}`;
}

/** A run that throws has failed, but the matrix goes on. */
async function tryOnce(cell: FaultCell, seed: number, pool: WorkerPool): Promise<CellRun> {
  try {
    return await cell.run({ seed: String(seed), pool });
  } catch (error) {
    const message = `the run broke off: ${String((error as Error).stack ?? error)}`;
    return { violations: inRow([message]), measures: NOTHING };
  }
}

export function violationsOf({ runs }: CellResult): number {
  return runs.reduce((sum, { run }) => sum + run.violations.length, 0);
}

/** Fault, runs, violations, worst wait; and what else a reader wants to know of a row. */
export function matrixTable(results: readonly CellResult[]): string {
  const table = new Table({
    head: [
      'row',
      'fault',
      'runs',
      'violations',
      'locks',
      'worst wait',
      'idle',
      'told',
      'overlaps',
      'refused',
      'failed seeds',
    ],
    style: { head: [], border: [] },
  });
  for (const result of results) {
    const { cell, missing, runs } = result;
    if (missing !== null) {
      table.push([cell.row, cell.name, { colSpan: 9, content: `NOT RUN: ${missing}` }]);
      continue;
    }
    const measures = runs.map(({ run }) => run.measures);
    const failed = runs.filter(({ run }) => run.violations.length > 0).map(({ seed }) => seed);
    table.push([
      cell.row,
      cell.name,
      runs.length,
      violationsOf(result),
      total(measures.map((m) => m.acquisitions)),
      ms(measures.map((m) => m.worstWaitMs)),
      ms(measures.map((m) => m.worstIdleMs)),
      ms(measures.map((m) => m.worstTellMs)),
      cell.exclusive ? '' : total(measures.map((m) => m.overlaps)),
      total(measures.map((m) => m.refusedWrites)),
      failed.join(' '),
    ]);
  }
  return table.toString();
}

export const LEGEND = [
  'worst wait: from call to grant · idle: longest time after the fault in which a lock was waited for and held by nobody',
  'told: how long after its deadline the latest loss signal came · overlaps: two believed at once, outside the bounds of M1 · refused: stale writes kept out',
].join('\n');

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

function ms(numbers: readonly number[]): string {
  return `${Math.max(0, ...numbers).toFixed(0)} ms`;
}
