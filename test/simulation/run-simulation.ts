/** `npm run test:simulation -- --schedules 200000 [--seed 1]`: the long tier. Ends with 1 when a rule was broken. */
import { parseArgs } from 'node:util';
import { runSchedule } from './schedule.js';
import { shrink, trace } from './shrink.js';
import { Tally } from './tally.js';

const PROGRESS_EVERY = 5_000;
const FAILURES_SHOWN = 10;

const { values } = parseArgs({
  options: { schedules: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
const schedules = Number(values.schedules);
const firstSeed = Number(values.seed);
if (!Number.isSafeInteger(schedules) || schedules < 1 || !Number.isSafeInteger(firstSeed))
  throw new Error('--schedules and --seed must be whole numbers');

// Half of the time of a schedule went into stacks of errors that nobody reads.
Error.stackTraceLimit = 0;

let seed = firstSeed;
const rejections: unknown[] = [];
process.on('unhandledRejection', (reason) => rejections.push(reason));
process.on('uncaughtException', (error) => {
  console.log(`seed ${seed} ended the process: ${String(error)}`);
  process.exit(1);
});

const tally = new Tally();
const failed: number[] = [];
const startedMs = Date.now();
for (; seed < firstSeed + schedules; seed++) {
  const result = await runSchedule({ seed });
  for (const reason of rejections.splice(0)) {
    const message = `a promise was rejected and nobody listened: ${String(reason)}`;
    result.violations.push({ rule: 'R1', atMs: 0, message });
  }
  tally.add(result);
  if (result.violations.length > 0) {
    failed.push(seed);
    if (failed.length <= FAILURES_SHOWN) {
      const smaller = await shrink(result);
      console.log(
        `\nseed ${seed}, faults left out: ${[...smaller.without].join(', ') || 'none'}\n${trace(smaller.result)}\n`,
      );
    }
  }
  if (tally.schedules % PROGRESS_EVERY === 0) {
    const perSecond = Math.round(tally.schedules / ((Date.now() - startedMs) / 1_000));
    console.log(`${tally.schedules} schedules, ${perSecond} a second, ${failed.length} failed`);
  }
}

console.log(tally.table());
console.log(tally.coverageTable());
console.log(
  `${tally.schedules} schedules from seed ${firstSeed}, ${tally.acquisitions} acquisitions, ${tally.turns} turns, ` +
    `${Math.round((Date.now() - startedMs) / 1_000)} s; failing seeds: ${failed.join(' ') || 'none'}`,
);
process.exitCode = failed.length > 0 ? 1 : 0;
