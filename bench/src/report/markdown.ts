import { markdownTable } from 'markdown-table';

import type { AdapterId } from '../adapters/index.js';
import { formatNumber, type Library } from './format.js';
import { headlineTable } from './headline.js';
import type { Machine } from './machine.js';
import type { Summary } from './summary.js';
import type { JudgedTarget } from './targets.js';

export interface Report {
  readonly machine: Machine;
  readonly rounds: number;
  readonly isQuick: boolean;
  readonly libraries: readonly Library[];
  readonly summaries: readonly Summary[];
  readonly targets: readonly JudgedTarget[];
}

const LONGEST_REASON = 160;
/** From this load per core on a run is not evidence. */
const BUSY = 0.4;

export function reportMarkdown(report: Report): string {
  const { libraries, summaries, targets } = report;
  const lines = [
    '# Benchmark',
    '',
    describeRun(report),
    '',
    headlineTable(summaries, libraries),
    ...(targets.length === 0 ? [] : ['', '## What ours must reach', '', targetsTable(targets)]),
    ...summaries.flatMap((summary) => [
      '',
      `## ${summary.scenario.title}`,
      '',
      summary.scenario.how,
      '',
      table(summary, libraries),
    ]),
    '',
    '## How each was set up',
    '',
    markdownTable([
      ['library', 'version', 'set up'],
      ...libraries.map(({ label, version, setUp }) => [
        label,
        version,
        setUp.replaceAll('|', String.raw`\|`),
      ]),
    ]),
    '',
  ];
  return lines.join('\n');
}

export function describeRun({ machine, rounds, isQuick }: Report): string {
  const { cores, cpu, node, redis, ioredis, date, load } = machine;
  const busy = load > cores * BUSY ? ` **The machine was busy with other things (load ${load}).**` : '';
  const medians = rounds === 1 ? 'One round' : `Medians of ${rounds} interleaved rounds`;
  const how = isQuick ? `${medians} of short measurements, **a look and no evidence**` : medians;
  return `${how}, ${date}: ${cores} cores (${cpu}), Node ${node}, Redis ${redis}, ioredis ${ioredis}; written by \`npm run bench\`.${busy}`;
}

function targetsTable(targets: readonly JudgedTarget[]): string {
  const rows = targets.map(({ says, goal, value, met }) => [
    says,
    goal,
    value === null ? '–' : formatNumber(value, 2),
    met ? 'met' : '**missed**',
  ]);
  return markdownTable([['figure', 'goal', 'measured', ''], ...rows], { align: ['l', 'r', 'r', 'l'] });
}

export function table(summary: Summary, libraries: readonly Library[]): string {
  const { columns, ratios = [] } = summary.scenario;
  const head = ['library', ...columns.map(({ title }) => title), ...ratios.map(({ title }) => title)];
  const notes: string[] = [];
  const rows = summary.ids.map((id) => {
    const label = libraries.find((library) => library.id === id)?.label ?? id;
    const note = noteOn(summary, id);
    if (note !== undefined) notes.push(`${label}: ${note}.`);
    return [
      note === undefined ? label : `${label} [${notes.length}]`,
      ...columns.map(({ key, digits }) => formatOptional(summary.value(id, key), digits)),
      ...ratios.map((ratio) => formatOptional(summary.ratio(id, ratio), 2)),
    ];
  });
  const align = head.map((_, index) => (index === 0 ? 'l' : 'r'));
  const numbered = notes.map((note, index) => `[${index + 1}] ${note}`);
  return [markdownTable([head, ...rows], { align }), ...numbered].join('\n\n');
}

function noteOn(summary: Summary, id: AdapterId): string | undefined {
  const problem = summary.problem(id);
  if (problem !== undefined) return oneLine(problem);
  const failed = summary.failedRounds(id);
  return failed === 0 ? undefined : `${failed} rounds failed`;
}

function formatOptional(value: number | undefined, digits: number): string {
  return value === undefined ? '–' : formatNumber(value, digits);
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('|', String.raw`\|`);
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON)}…` : line;
}
