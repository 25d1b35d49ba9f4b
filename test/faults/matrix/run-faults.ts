/** `npm run test:faults -- --runs N [--only row or text] [--seed S] [--at-once N]` */
import { parseArgs } from 'node:util';
import { CELLS } from './cells.js';
import { LEGEND, matrixTable, runMatrix, violationsOf } from './run-matrix.js';
import { endProcess } from '../../support/end-process.js';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1' },
    only: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'at-once': { type: 'string', default: '3' },
  },
});

const { only } = values;
const isRow = only !== undefined && /^\d+$/.test(only);
const cells = CELLS.filter(({ row, name }) => {
  if (only === undefined) return true;
  return isRow ? String(row) === only : name.toLowerCase().includes(only.toLowerCase());
});
if (cells.length === 0) {
  console.error(
    `--only ${only}: no such row or fault; give a row such as 6, or a part of a name such as "frozen"`,
  );
  process.exit(2);
}
console.log(`fault matrix: ${cells.length} cells, ${values.runs} runs each, first seed ${values.seed}`);
const startedAt = performance.now();
const { cells: results, stuckWorkers } = await runMatrix({
  cells,
  runs: Number(values.runs),
  seed: Number(values.seed),
  atOnce: Number(values['at-once']),
  onRun: (cell, seed, { violations }) => {
    if (violations.length === 0) return;
    console.log(`\nrow ${cell.row}, ${cell.name}, seed ${seed}: ${violations.length} violations`);
    for (const { rule, message } of violations.slice(0, 5)) console.log(`  ${rule}: ${message}`);
  },
});
console.log(matrixTable(results));
console.log(LEGEND);
const violations = results.reduce((sum, result) => sum + violationsOf(result), stuckWorkers);
if (stuckWorkers > 0) console.log(`${stuckWorkers} worker processes did not end by themselves`);
for (const { cell, runs } of results)
  for (const { seed, run } of runs)
    if (run.notJudged !== undefined)
      console.log(`NOT JUDGED: row ${cell.row}, ${cell.name}, seed ${seed}: ${run.notJudged}`);
for (const { cell, missing } of results)
  if (missing !== null) console.log(`NOT RUN: row ${cell.row}, ${cell.name}: ${missing}`);
const tookMs = performance.now() - startedAt;
console.log(`${violations} violations in ${(tookMs / 1_000).toFixed(0)} s, first seed ${values.seed}`);
endProcess(violations === 0 ? 0 : 1);
