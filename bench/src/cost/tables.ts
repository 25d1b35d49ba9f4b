import { markdownTable } from 'markdown-table';

import { formatNumber } from '../report/format.js';
import type { BySize } from './growth.js';
import { judgeLimits, type Measured } from './limits.js';
import type { OperationCost, OperationRow } from './measure-operations.js';

/** From so many on, a difference of the heap is theirs and not the garbage collector's. */
const ENOUGH_FOR_HEAP = 1_000;
/** A lease of 30 s is renewed when a third of it has passed. */
const USUAL_INTERVAL_S = 10;

const number = formatNumber;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return markdownTable([head, ...rows], { align: head.map((_, index) => (index === 0 ? 'l' : 'r')) });
}

function bySize<T>(
  first: string,
  rows: BySize<T>,
  columns: Record<string, (found: T, count: number) => string>,
): string {
  return table(
    [first, ...Object.keys(columns)],
    rows.map(({ count, found }) => [
      number(count, 0),
      ...Object.values(columns).map((show) => show(found, count)),
    ]),
  );
}

const heap = (bytes: number, count: number): string => (count < ENOUGH_FOR_HEAP ? '–' : number(bytes, 0));

function operationsTable(rows: readonly OperationRow[]): string {
  const cells = ({ commands, leastUs, medianUs, cpuUs }: OperationCost): string[] => [
    number(commands, 2),
    `${number(leastUs, 1)} · ${number(medianUs, 1)}`,
    number(cpuUs, 0),
  ];
  return table(
    [
      '',
      'round trips',
      'commands',
      'µs in scripts',
      'µs in all',
      '16 at once: commands',
      'µs in scripts',
      'µs in all',
    ],
    rows.map(({ operation, alone, together, roundTrips }) => [
      operation.title,
      number(roundTrips, 1),
      ...cells(alone),
      ...cells(together),
    ]),
  );
}

function waitersTable({ growth }: Measured): string {
  return bySize('waiters', growth.waiters, {
    'commands to begin': ({ toWait }) => number(toWait.scripts, 0),
    'commands/s while they wait': ({ idle }) => number(idle.commandsPerSecond, 1),
    '% of a core, server': ({ idle }) => number(idle.serverPercent, 2),
    '% of a core, process': ({ idle }) => number(idle.processPercent, 2),
    'heap bytes per waiter': ({ bytesPerWaiter }, count) => heap(bytesPerWaiter, count),
    'commands per acquisition': ({ served }) => number(served.commands, 4),
    'server µs': ({ served }) => number(served.serverUs, 2),
    'process µs': ({ served }) => number(served.processUs, 0),
  });
}

function processesTable({ growth }: Measured): string {
  return bySize('processes', growth.processes, {
    'commands/s while they wait': ({ idle }) => number(idle.commandsPerSecond, 1),
    '% of a core, server': ({ idle }) => number(idle.serverPercent, 2),
    'Redis bytes per place': ({ queueBytesPerProcess }) => number(queueBytesPerProcess, 0),
    'commands per acquisition': ({ toWait, served }) => number(toWait.commands + served.commands, 2),
    'server µs to queue': ({ toWait }) => number(toWait.serverUs, 0),
    'server µs to pass on': ({ served }) => number(served.serverUs, 0),
  });
}

function queueTable({ growth }: Measured): string {
  return bySize('places', growth.queue, {
    'µs of one release, they come after': ({ behindUs }) => number(behindUs, 0),
    'µs of one release, they come first and are all dead': ({ deadUs }) => number(deadUs, 0),
    'µs per dead place': ({ behindUs, deadUs }, count) => number((deadUs - behindUs) / count, 1),
  });
}

function namesTable({ growth }: Measured): string {
  return bySize('names held', growth.leases, {
    'acquire: commands': ({ acquired }) => number(acquired.commands, 2),
    'server µs': ({ acquired }) => number(acquired.serverUs, 1),
    'release: commands': ({ released }) => number(released.commands, 2),
    'server µs ': ({ released }) => number(released.serverUs, 1),
    'Redis bytes, held': ({ redisBytesHeld }, count) => heap(redisBytesHeld, count),
    'Redis bytes, trace': ({ redisBytesFree }, count) => heap(redisBytesFree, count),
    'heap bytes per lease': ({ heapBytes }, count) => heap(heapBytes, count),
    'commands/s between renewals': ({ idle }) => number(idle.commandsPerSecond, 1),
    '% of a core, process': ({ idle }) => number(idle.processPercent, 2),
  });
}

function renewalsTable({ growth }: Measured): string {
  return bySize('leases', growth.leases, {
    'commands per interval': ({ renewed }) => number(renewed.commandsPerInterval, 1),
    'server µs per lease': ({ renewed }) => number(renewed.serverUsPerLease, 1),
    'process µs per lease': ({ renewed }) => number(renewed.processUsPerLease, 0),
    '% of a core at 30 s leases: server': ({ renewed }, count) =>
      number((renewed.serverUsPerLease * count) / USUAL_INTERVAL_S / 1e4, 2),
    'process ': ({ renewed }, count) =>
      number((renewed.processUsPerLease * count) / USUAL_INTERVAL_S / 1e4, 2),
  });
}

function waitedNamesTable({ growth }: Measured): string {
  return bySize('names waited for', growth.waitedNames, {
    'commands to begin, each': ({ toWait }) => number(toWait.commands, 2),
    'commands/s while they wait': ({ idle }) => number(idle.commandsPerSecond, 1),
    '% of a core, server': ({ idle }) => number(idle.serverPercent, 2),
    '% of a core, process': ({ idle }) => number(idle.processPercent, 2),
    'heap bytes per name': ({ heapBytes }, count) => heap(heapBytes, count),
    'commands to pass on, each': ({ served }) => number(served.commands, 2),
    'server µs': ({ served }) => number(served.serverUs, 0),
  });
}

function limitsTable(measured: Measured): string {
  const rows = judgeLimits(measured).map(({ says, atMost, value, digits }) => [
    says,
    number(atMost, digits),
    Number.isNaN(value) ? '–' : number(value, digits),
    value <= atMost ? 'met' : '**missed**',
  ]);
  return markdownTable([['', 'at most', 'measured', ''], ...rows], { align: ['l', 'r', 'r', 'l'] });
}

/** By the name that the page gives each. */
export function costTables(measured: Measured): Record<string, string> {
  return {
    limits: limitsTable(measured),
    operations: operationsTable(measured.operations),
    waiters: waitersTable(measured),
    processes: processesTable(measured),
    queue: queueTable(measured),
    'waited-names': waitedNamesTable(measured),
    names: namesTable(measured),
    renewals: renewalsTable(measured),
  };
}
