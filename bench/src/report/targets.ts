import type { AdapterId } from '../adapters/index.js';
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
  (of: string, to: 'floor' | 'best peer') =>
  (summary: Summary): number | undefined =>
    summary.ratio('ours', { of, to, title: '' });
const quotient =
  (over: string, under: string) =>
  (summary: Summary): number | undefined => {
    const [dividend, divisor] = [summary.value('ours', over), summary.value('ours', under)];
    return dividend === undefined || divisor === undefined ? undefined : dividend / divisor;
  };

const TARGETS: readonly Target[] = [
  {
    says: 'uncontended pair, 1 client, × by hand',
    scenario: 'latency',
    value: ratio('p50Us', 'floor'),
    atLeast: 0.95,
  },
  {
    says: 'uncontended, 64 at once, × fastest peer',
    scenario: 'throughput',
    value: ratio('pairsPerSecond', 'best peer'),
    atLeast: 2,
  },
  {
    says: 'hot name, one process: ms per section',
    scenario: 'hot-process',
    value: value('msPerSection'),
    atMost: 1.25,
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
    atLeast: 50,
  },
  { says: '— longest wait, ms', scenario: 'hot-empty', value: value('longestWaitMs'), atMost: 100 },
  { says: '— least / most served process', scenario: 'hot-empty', value: value('share'), atLeast: 0.9 },
  {
    says: '— the same with cohortMs: 0',
    scenario: 'hot-empty',
    value: value('share', 'ours-no-cohort'),
    atLeast: 0.95,
  },
  {
    says: 'hot name, 4 processes, 1 ms: sections/s',
    scenario: 'hot-1ms',
    value: value('sectionsPerSecond'),
    atLeast: 850,
  },
  { says: '— longest wait, ms', scenario: 'hot-1ms', value: value('longestWaitMs'), atMost: 150 },
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
    says: 'Express with @Locked, distinct names, × without',
    scenario: 'http',
    value: quotient('expressDistinct', 'expressPlain'),
    atLeast: 0.75,
  },
  {
    says: 'Fastify with @Locked, distinct names, × without',
    scenario: 'http',
    value: quotient('fastifyDistinct', 'fastifyPlain'),
    atLeast: 0.6,
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
