import type { AdapterId } from '../adapters/index.js';
import type { RatioColumn } from '../scenarios/scenario.js';
import type { Summary } from './summary.js';

/** What we have promised ourselves to reach, all in one run. */
interface Target {
  readonly says: string;
  readonly scenario: string;
  readonly value: (summary: Summary) => number | undefined;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface JudgedTarget {
  readonly says: string;
  readonly goal: string;
  readonly value: number | null;
  readonly met: boolean;
}

const value =
  (key: string, id: AdapterId = 'ours') =>
  (summary: Summary): number | undefined =>
    summary.value(id, key);
const ratio =
  (of: string, to: RatioColumn['to'], id: AdapterId = 'ours') =>
  (summary: Summary): number | undefined =>
    summary.ratio(id, { of, to });
const quotient =
  (of: string, to: RatioColumn['to']) =>
  (summary: Summary): number | undefined =>
    summary.ratio('ours', { of, to, as: 'quotient' });

const TARGETS: readonly Target[] = [
  {
    says: 'uncontended pair, 1 client, × by hand',
    scenario: 'latency',
    value: ratio('p50Us', 'floor'),
    atLeast: 0.75,
  },
  {
    says: "— the same with release: 'sent'",
    scenario: 'latency',
    value: ratio('p50Us', 'floor', 'ours-sent'),
    atLeast: 1.2,
  },
  { says: "— p99 ÷ by hand's p99", scenario: 'latency', value: quotient('p99Us', 'floor'), atMost: 2 },
  {
    says: 'uncontended, 64 at once, × fastest peer',
    scenario: 'throughput',
    value: ratio('pairsPerSecond', 'best peer'),
    atLeast: 1.3,
  },
  { says: '— commands per pair', scenario: 'throughput', value: value('commands'), atMost: 0.13 },
  {
    says: '— server: instructions per pair ÷ by hand',
    scenario: 'instructions',
    value: quotient('together', 'floor'),
    atMost: 1.8,
  },
  {
    says: '— server: µs per pair ÷ by hand',
    scenario: 'throughput',
    value: quotient('serverUs', 'floor'),
    atMost: 1,
  },
  { says: '— bytes promoted per pair', scenario: 'throughput', value: value('promotedBytes'), atMost: 300 },
  {
    says: 'hot name, one process: ms per section',
    scenario: 'hot-process',
    value: value('msPerSection'),
    atMost: 1.25,
  },
  {
    says: '— sections/s ÷ a chain without lock',
    scenario: 'hot-process',
    value: value('toChain'),
    atLeast: 0.98,
  },
  {
    says: '— commands per section',
    scenario: 'hot-process',
    value: value('commandsPerSection'),
    atMost: 0.15,
  },
  { says: '— in order', scenario: 'hot-process', value: value('inOrder'), atLeast: 1 },
  {
    says: 'hot name, 4 processes, empty sections: × best peer',
    scenario: 'hot-empty',
    value: ratio('sectionsPerSecond', 'best peer'),
    atLeast: 60,
  },
  { says: '— longest wait, ms', scenario: 'hot-empty', value: value('longestWaitMs'), atMost: 60 },
  { says: '— least / most served process', scenario: 'hot-empty', value: value('share'), atLeast: 0.9 },
  {
    says: '— the same with cohortMs: 0',
    scenario: 'hot-empty',
    value: value('share', 'ours-no-cohort'),
    atLeast: 0.95,
  },
  {
    says: 'hot name, 4 processes, 1 ms: sections/s ÷ a chain without lock',
    scenario: 'hot-1ms',
    value: value('toChain'),
    atLeast: 0.86,
  },
  {
    says: '— p99 of the waits ÷ (waiters / rate)',
    scenario: 'hot-1ms',
    value: value('p99ToFair'),
    atMost: 1.5,
  },
  {
    says: 'hand-off at a 2 ms link: round trips',
    scenario: 'hand-off',
    value: value('roundTrips2'),
    atMost: 1.2,
  },
  {
    says: 'hand-off at a 10 ms link: round trips',
    scenario: 'hand-off',
    value: value('roundTrips10'),
    atMost: 1.2,
  },
  { says: '— commands per acquisition', scenario: 'hand-off', value: value('commands10'), atMost: 2.2 },
  {
    says: '500 waiters, lock held: commands/s',
    scenario: 'held-lock',
    value: value('commandsPerSecond'),
    atMost: 1,
  },
  {
    says: '10 000 leases: commands per renewal interval',
    scenario: 'leases',
    value: value('commandsPerInterval'),
    atMost: 100,
  },
  { says: '— % of a core between renewals', scenario: 'leases', value: value('idleCpuPercent'), atMost: 1 },
  { says: 'bytes per waiter', scenario: 'memory', value: value('bytesPerWaiter'), atMost: 2_048 },
  {
    says: 'Express with @Locked: processor time per request ÷ by hand in an interceptor',
    scenario: 'http',
    value: quotient('expressCpuUs', 'floor'),
    atMost: 1,
  },
  {
    says: '— requests/s × without a lock',
    scenario: 'http',
    value: ratio('expressPerSecond', 'none'),
    atLeast: 0.75,
  },
  {
    says: 'Fastify with @Locked: processor time per request ÷ by hand in an interceptor',
    scenario: 'http',
    value: quotient('fastifyCpuUs', 'floor'),
    atMost: 1,
  },
];

/** Only those whose scenario was run. */
export function judgeTargets(summaries: readonly Summary[]): JudgedTarget[] {
  return TARGETS.flatMap(({ says, scenario, value: read, atLeast = -Infinity, atMost = Infinity }) => {
    const summary = summaries.find((each) => each.scenario.id === scenario);
    if (summary === undefined) return [];
    const found = read(summary);
    const met = found !== undefined && found >= atLeast && found <= atMost;
    const goal = atLeast === -Infinity ? `≤ ${atMost}` : `≥ ${atLeast}`;
    return [{ says, goal, value: found ?? null, met }];
  });
}
