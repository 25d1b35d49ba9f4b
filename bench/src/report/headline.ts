import { markdownTable } from 'markdown-table';

import type { Library } from './format.js';
import { formatNumber } from './format.js';
import { isPeer, type Summary } from './summary.js';

/** The one table for readers in a hurry. */
const FIGURES = [
  { scenario: 'latency', key: 'p50Us', says: 'nobody waits, one client: µs per pair' },
  { scenario: 'latency', key: 'p99Us', says: '— p99, µs' },
  { scenario: 'throughput', key: 'pairsPerSecond', says: 'nobody waits, 64 at once: pairs/s' },
  { scenario: 'hot-process', key: 'msPerSection', says: 'one hot name, 100 waiters × 1 ms: ms per section' },
  {
    scenario: 'hot-empty',
    key: 'sectionsPerSecond',
    says: 'one hot name, 4 processes × 25 waiters: empty sections/s',
  },
  { scenario: 'hot-empty', key: 'longestWaitMs', says: '— longest wait, ms' },
  { scenario: 'hot-1ms', key: 'sectionsPerSecond', says: 'the same with 1 ms in each: sections/s' },
  { scenario: 'hot-1ms', key: 'waitP99Ms', says: '— p99 of the waits, ms' },
  { scenario: 'hand-off', key: 'roundTrips10', says: 'hand-off between processes, 10 ms link: round trips' },
  { scenario: 'held-lock', key: 'commandsPerSecond', says: '500 waiters: commands/s' },
  { scenario: 'leases', key: 'commandsPerInterval', says: '10 000 leases: commands per renewal' },
  {
    scenario: 'http',
    key: 'expressCpuUs',
    says: 'a Nest request on Express with a lock: processor time, µs',
  },
  { scenario: 'http', key: 'fastifyCpuUs', says: '— on Fastify' },
] as const;

/** Ours, what one writes by hand, and the best of the others in each figure. */
export function headlineTable(summaries: readonly Summary[], libraries: readonly Library[]): string {
  const rows = FIGURES.flatMap(({ scenario, key, says }) => {
    const summary = summaries.find((each) => each.scenario.id === scenario);
    const column = summary?.column(key);
    if (summary === undefined || column === undefined) return [];
    const show = (value: number | undefined): string =>
      value === undefined ? '–' : formatNumber(value, column.digits);
    const sign = column.better === 'less' ? 1 : -1;
    const [best] = summary.ids
      .filter((id) => isPeer(id) && summary.value(id, key) !== undefined)
      .toSorted((a, b) => sign * ((summary.value(a, key) ?? 0) - (summary.value(b, key) ?? 0)));
    const label = libraries.find(({ id }) => id === best)?.label ?? '';
    const peer = best === undefined ? '–' : `${show(summary.value(best, key))} (${label})`;
    return [[says, `**${show(summary.value('ours', key))}**`, show(summary.value('floor', key)), peer]];
  });
  return markdownTable([['', 'ours', 'by hand', 'best other library'], ...rows], {
    align: ['l', 'r', 'r', 'l'],
  });
}
