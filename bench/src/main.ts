import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { loadAdapter } from './adapters/index.js';
import { readOptions, type BenchOptions } from './options.js';
import { chartSvg } from './report/chart.js';
import { describeMachine, versionOf } from './report/machine.js';
import { formatNumber, type Library } from './report/format.js';
import { headlineTable } from './report/headline.js';
import { describeRun, type Report, reportMarkdown } from './report/markdown.js';
import { replaceBetweenMarks } from './report/readme.js';
import { Summary } from './report/summary.js';
import { judgeTargets } from './report/targets.js';
import { startRedis } from './run/redis-server.js';
import { type Progress, runScenarios, type ScenarioRows } from './run/run-scenarios.js';

const RESULTS = fileURLToPath(new URL('../../results', import.meta.url));
const README = fileURLToPath(new URL('../../../README.md', import.meta.url));

const progress: Progress = (scenario, id, outcome) => {
  const found =
    outcome.kind === 'measured'
      ? scenario.columns
          .map(({ key, title, digits }) => `${formatNumber(outcome.values[key] ?? NaN, digits)} ${title}`)
          .join(' · ')
      : `${outcome.kind}: ${outcome.reason}`;
  const second = process.uptime().toFixed(0).padStart(5);
  console.log(`${second} s  ${scenario.id.padEnd(12)} ${id.padEnd(18)} ${found}`);
};

async function describeLibraries(options: BenchOptions): Promise<Library[]> {
  const adapters = await Promise.all(
    options.adapters.map(async (id) => ({ id, adapter: await loadAdapter(id) })),
  );
  return adapters.map(({ id, adapter: { label, packageName, setUp } }) => ({
    id,
    label,
    version: versionOf(packageName),
    setUp,
  }));
}

function write(options: BenchOptions, report: Report, rows: readonly ScenarioRows[]): string {
  const folder = options.out ?? (options.isWhole ? RESULTS : join(RESULTS, 'partial'));
  mkdirSync(folder, { recursive: true });
  const { summaries: _, ...facts } = report;
  const raw = rows.map(({ scenario: { id, title }, rows: rounds }) => ({ id, title, rows: rounds }));
  writeFileSync(join(folder, 'results.json'), `${JSON.stringify({ ...facts, scenarios: raw }, null, 2)}\n`);
  writeFileSync(join(folder, 'results.md'), reportMarkdown(report));
  const chart = chartSvg(report.summaries, report.libraries);
  if (chart !== undefined) writeFileSync(join(folder, 'chart.svg'), chart);
  if (options.isWhole && options.out === undefined) {
    const headline = `${headlineTable(report.summaries, report.libraries)}\n\n${describeRun(report)}`;
    writeFileSync(README, replaceBetweenMarks(readFileSync(README, 'utf8'), headline));
  }
  return folder;
}

const options = readOptions(process.argv.slice(2));
const [load = 0] = loadavg();
const redis = await startRedis();
try {
  const rows = await runScenarios(options, redis, progress);
  const summaries = rows.map((each) => new Summary(each));
  const report: Report = {
    machine: describeMachine(redis.version, load),
    rounds: options.rounds,
    isQuick: options.isQuick,
    libraries: await describeLibraries(options),
    summaries,
    targets: judgeTargets(summaries),
  };
  const folder = write(options, report, rows);
  console.log(`\n${reportMarkdown(report)}\nwritten to ${folder}`);
} finally {
  await redis.stop();
}
