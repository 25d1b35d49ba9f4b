import type { BySize, Growth } from './growth.js';
import type { OperationRow } from './measure-operations.js';

export interface Measured {
  readonly operations: readonly OperationRow[];
  readonly growth: Growth;
}

export interface JudgedLimit {
  readonly says: string;
  readonly atMost: number;
  readonly value: number;
  readonly digits: number;
}

const MOST = 10_000;

function at<T>(rows: BySize<T>, count: number): T {
  const row = rows.find((each) => each.count === count);
  if (row === undefined) throw new Error(`not measured with ${count}`);
  return row.found;
}

/** What we have promised ourselves, as far as it is about cost; the rest is judged by the benchmark. */
export function judgeLimits({ operations, growth }: Measured): JudgedLimit[] {
  const { waiters, processes, leases } = growth;
  const handOff = operations.find(({ operation }) => operation.id === 'hand-off');
  const passed = at(processes, 1_000);
  const limit = (says: string, value: number, [atMost, digits]: [number, number]): JudgedLimit => ({
    says,
    atMost,
    value,
    digits,
  });
  return [
    limit(
      '10 000 waiters of one process, lock held: commands/s',
      at(waiters, MOST).idle.commandsPerSecond,
      [1, 2],
    ),
    limit(
      'waiters of one process served: commands per acquisition, 100 waiters',
      at(waiters, 100).served.commands,
      [0.15, 2],
    ),
    limit('bytes of heap per waiter, 1 000 waiters', at(waiters, 1_000).bytesPerWaiter, [2_048, 0]),
    limit(
      'hand-off between processes: commands per acquisition',
      passed.toWait.commands + passed.served.commands,
      [2.2, 2],
    ),
    limit('— round trips from release to grant', handOff?.roundTrips ?? NaN, [1.2, 2]),
    limit(
      '10 000 leases: commands per renewal interval',
      at(leases, MOST).renewed.commandsPerInterval,
      [100, 0],
    ),
    limit('— % of a core between renewals', at(leases, MOST).idle.processPercent, [1, 2]),
  ];
}
