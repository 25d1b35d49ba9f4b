import { loadAdapter, type AdapterId } from '../adapters/index.js';
import type { Measuring, Scenario } from '../scenarios/scenario.js';
import type { ProcessOptions } from './measured-process.js';
import { failure, type Outcome, outcomeOf } from './outcome.js';
import type { BenchRedis } from './redis-server.js';

export interface RunPlan {
  readonly adapters: readonly AdapterId[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  /** Of the usual time and number: 1, or less for a quick look. */
  readonly scale: number;
}

/** The outcome of each round of one library in one scenario. */
export interface Row {
  readonly id: AdapterId;
  readonly rounds: Outcome[];
}

export interface ScenarioRows {
  readonly scenario: Scenario;
  readonly rows: readonly Row[];
}

export type Progress = (scenario: Scenario, id: AdapterId, outcome: Outcome) => void;

/** Each scenario in rounds, in each round every library in turn. */
export async function runScenarios(
  plan: RunPlan,
  redis: BenchRedis,
  progress: Progress,
): Promise<ScenarioRows[]> {
  const all: ScenarioRows[] = [];
  for (const scenario of plan.scenarios) {
    const rows = await takingPart(scenario, plan.adapters);
    for (let round = 0; round < Math.min(plan.rounds, scenario.rounds ?? Infinity); round++) {
      const measured = rows.filter((row) => !isHopeless(row));
      for await (const [row, outcome] of measureRound(scenario, measured, { plan, redis })) {
        row.rounds.push(outcome);
        progress(scenario, row.id, outcome);
      }
    }
    all.push({ scenario, rows });
  }
  return all;
}

async function takingPart(scenario: Scenario, ids: readonly AdapterId[]): Promise<Row[]> {
  const rows: Row[] = [];
  for (const id of ids) {
    if (scenario.takesPart(await loadAdapter(id))) rows.push({ id, rounds: [] });
  }
  return rows;
}

/** What failed in its first round is not tried again: it would use up everybody's time. What is broken may be so by bad luck. */
function isHopeless({ rounds }: Row): boolean {
  return rounds[0]?.kind === 'failed' || rounds[0]?.kind === 'unable';
}

async function* measureRound(
  scenario: Scenario,
  rows: readonly Row[],
  where: { plan: RunPlan; redis: BenchRedis },
): AsyncGenerator<[Row, Outcome]> {
  const [first] = rows;
  if (first === undefined) return;
  if ('measureInTurns' in scenario) {
    const measuring = await prepare(first.id, where);
    const ids = rows.map(({ id }) => id);
    const found = await scenario.measureInTurns(measuring, ids).catch(failure);
    const missing: Outcome = { kind: 'failed', reason: 'was not measured' };
    for (const row of rows) yield [row, 'kind' in found ? found : (found.get(row.id) ?? missing)];
    return;
  }
  for (const row of rows) {
    const measuring = await prepare(row.id, where);
    yield [row, await outcomeOf(() => scenario.measure(measuring))];
  }
}

/** On a Redis that knows nothing of those before. */
async function prepare(
  id: AdapterId,
  { plan, redis }: { plan: RunPlan; redis: BenchRedis },
): Promise<Measuring> {
  await redis.empty();
  return {
    id,
    adapter: await loadAdapter(id),
    redis,
    inProcess: (boundMs, more = {}): ProcessOptions => ({ adapter: id, url: redis.url, boundMs, ...more }),
    ms: (usual) => usual * plan.scale,
    count: (usual) => Math.ceil(usual * plan.scale),
  };
}
