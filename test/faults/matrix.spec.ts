import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CELLS } from './matrix/cells.js';
import { type CellResult, type MatrixResult, runMatrix } from './matrix/run-matrix.js';

/** Processes that start, freeze and die on a machine that may run other tests as well. */
const ALL_WITHIN_MS = 1_200_000;
/** `npm run test:faults -- --seed N` repeats one. */
const SEED = Date.now() % 1_000_000;
import { notJudged } from '../support/in-time.js';

describe(`the fault matrix, each fault once, seed ${SEED}`, () => {
  let matrix: MatrixResult;
  const notRun: string[] = [];

  beforeAll(async () => {
    matrix = await runMatrix({ cells: CELLS, runs: 1, seed: SEED, atOnce: 4 });
  }, ALL_WITHIN_MS);

  // What this machine cannot do must not pass unseen.
  afterAll(() => {
    for (const line of notRun) process.stderr.write(`NOT RUN: ${line}\n`);
  });

  it.each(CELLS.map((cell) => ({ cell, title: `row ${cell.row}: ${cell.name}` })))(
    '$title',
    ({ cell, title }) => {
      const result = matrix.cells.find((candidate) => candidate.cell === cell) as CellResult;
      if (result.missing !== null) notRun.push(`${title}: ${result.missing}`);
      expect(result.runs).toHaveLength(result.missing === null ? 1 : 0);
      for (const { run } of result.runs) {
        expect(run.violations).toEqual([]);
        if (run.notJudged !== undefined) notJudged(run.notJudged);
      }
    },
  );

  it('every worker process ended by itself when it was let go', () => {
    expect(matrix.stuckWorkers).toBe(0);
  });
});
