import { loadAdapter, type AdapterId } from '../adapters/index.js';
import type { Measuring, Scenario } from '../scenarios/scenario.js';
import type { ProcessOptions } from './measured-process.js';
import { type Outcome, outcomeOf } from './outcome.js';
import type { BenchRedis } from './redis-server.js';

export interface RunPlan {
  readonly adapters: readonly AdapterId[];
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  /** 1, or less for a quick look. */
  readonly timeScale: number;
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

/** Each scenario in rounds, in each round every library in turn, each time on an emptied Redis. */
export async function runScenarios(
  plan: RunPlan,
  redis: BenchRedis,
  progress: Progress,
): Promise<ScenarioRows[]> {
  const all: ScenarioRows[] = [];
  for (const scenario of plan.scenarios) {
    const rows = await takingPart(scenario, plan.adapters);
    for (let round = 0; round < plan.rounds; round++) {
      for (const row of rows) {
        if (isHopeless(row)) continue;
        const outcome = await measureOnce(scenario, row.id, { plan, redis });
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

async function measureOnce(
  scenario: Scenario,
  id: AdapterId,
  { plan, redis }: { plan: RunPlan; redis: BenchRedis },
): Promise<Outcome> {
  await redis.empty();
  const adapter = await loadAdapter(id);
  const measuring: Measuring = {
    id,
    adapter,
    redis,
    inProcess: (boundMs, more = {}): ProcessOptions => ({ adapter: id, url: redis.url, boundMs, ...more }),
    ms: (usual) => usual * plan.timeScale,
  };
  return outcomeOf(() => scenario.measure(measuring));
}
