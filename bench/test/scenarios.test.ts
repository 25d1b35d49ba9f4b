import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { loadAdapter, type AdapterId } from '../src/adapters/index.js';
import { type BenchRedis, startRedis } from '../src/run/redis-server.js';
import { runScenarios } from '../src/run/run-scenarios.js';
import { SCENARIOS } from '../src/scenarios/index.js';
import type { Scenario } from '../src/scenarios/scenario.js';

describe('every scenario', () => {
  let redis: BenchRedis;
  before(async () => {
    redis = await startRedis();
  });
  after(() => redis.stop());

  const kindOf = async (scenario: Scenario, id: AdapterId): Promise<string> => {
    const plan = { adapters: [id], scenarios: [scenario], rounds: 1, scale: 0.1 };
    const [result] = await runScenarios(plan, redis, () => {});
    const [outcome] = result?.rows[0]?.rounds ?? [];
    return outcome === undefined ? 'nothing' : outcome.kind;
  };

  for (const scenario of SCENARIOS) {
    it(`${scenario.id}: a lock that does not lock is broken, however fast`, async () => {
      assert.equal(await kindOf(scenario, 'broken'), 'broken');
    });
  }

  for (const scenario of SCENARIOS.filter(({ id }) => id !== 'http')) {
    it(`${scenario.id}: a mutex in memory is no distributed lock`, async () => {
      assert.equal(await kindOf(scenario, 'broken-local'), 'broken');
    });
  }

  it('a lock that locks is measured', async () => {
    const [latency] = SCENARIOS;
    assert.ok(latency);
    assert.equal(await kindOf(latency, 'floor'), 'measured');
  });

  it('each library takes part in all but the special ones', async () => {
    const murlock = await loadAdapter('murlock');
    const left = SCENARIOS.filter((scenario) => !scenario.takesPart(murlock)).map(({ id }) => id);
    assert.deepEqual(left, ['two-names', 'instructions', 'readers', 'limit', 'two-names-hot', 'http']);
  });
});
