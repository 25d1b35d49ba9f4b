import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { AdapterId } from '../src/adapters/index.js';
import type { Outcome } from '../src/run/outcome.js';
import type { BenchRedis } from '../src/run/redis-server.js';
import { runScenarios, type ScenarioRows } from '../src/run/run-scenarios.js';
import type { InTurns, Measuring, RowByRow, Scenario } from '../src/scenarios/scenario.js';

const described = { id: 'a', title: '', how: '', columns: [], takesPart: () => true };
const measured = (value: number): Outcome => ({ kind: 'measured', values: { value } });

async function run(scenario: Scenario, adapters: AdapterId[], rounds = 3): Promise<ScenarioRows['rows']> {
  const redis = { url: '', empty: async () => {} } as BenchRedis;
  const plan = { adapters, scenarios: [scenario], rounds, scale: 0.3 };
  const [found] = await runScenarios(plan, redis, () => {});
  return found?.rows ?? [];
}

const kindsOf = (rows: ScenarioRows['rows']): string[][] =>
  rows.map(({ rounds }) => rounds.map(({ kind }) => kind));

describe('the rounds of a scenario', () => {
  it('measure every row in turn, one after the other', async () => {
    const order: string[] = [];
    const scenario: RowByRow = { ...described, measure: async ({ id }) => (order.push(id), {}) };
    await run(scenario, ['none', 'broken'], 2);
    assert.deepEqual(order, ['none', 'broken', 'none', 'broken']);
  });

  it('are as many as the scenario wants, where its figure is exact', async () => {
    const scenario: RowByRow = { ...described, rounds: 1, measure: async () => ({}) };
    assert.deepEqual(kindsOf(await run(scenario, ['none'])), [['measured']]);
  });

  it('do a part of what is measured in a quick run', async () => {
    let seen: number[] = [];
    const measure = async ({ ms, count }: Measuring): Promise<object> => {
      seen = [ms(2_000), count(5)];
      return {};
    };
    await run({ ...described, measure } as RowByRow, ['none'], 1);
    assert.deepEqual(seen, [600, 2]);
  });
});

describe('rows that are measured in turns', () => {
  it('each have their own outcome, and none is left out', async () => {
    const scenario: InTurns = {
      ...described,
      measureInTurns: async () => new Map([['none', measured(1)] as const]),
    };
    assert.deepEqual(kindsOf(await run(scenario, ['none', 'broken'], 1)), [['measured'], ['failed']]);
  });

  it('all have the error of the whole', async () => {
    const measureInTurns = (): Promise<never> => Promise.reject(new Error('no load'));
    const rows = await run({ ...described, measureInTurns }, ['none', 'broken'], 1);
    for (const row of rows) assert.deepEqual(row.rounds, [{ kind: 'failed', reason: 'no load' }]);
  });

  it('go on without one that failed in the first round', async () => {
    const asked: string[][] = [];
    const scenario: InTurns = {
      ...described,
      measureInTurns: async (_, ids) => {
        asked.push([...ids]);
        return new Map(ids.map((id) => [id, id === 'none' ? measured(1) : { kind: 'unable', reason: '' }]));
      },
    };
    assert.deepEqual(kindsOf(await run(scenario, ['none', 'broken'], 2)), [
      ['measured', 'measured'],
      ['unable'],
    ]);
    assert.deepEqual(asked, [['none', 'broken'], ['none']]);
  });
});
