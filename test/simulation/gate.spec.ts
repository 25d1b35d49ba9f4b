import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { type Mix, MIXES } from './gate/gate-actor.js';
import { GatePlan } from './gate/gate-plan.js';
import { GateServer } from './gate/gate-real.js';

/** More, or others: GATE_OPERATIONS=1000000 GATE_SEED=monday npx jest test/simulation/gate.spec */
const { GATE_OPERATIONS = '125000', GATE_SEED = 'fast' } = process.env;
const LENGTH = 40;

/** A comparison that never sees a case says nothing about it. */
const ANSWERS = [
  'x acquire 1 · x acquire 2 · x acquire 0 · x acquire 4 · x acquire -12 · plain acquire -11 · plain release -11 · plain renew -11',
  's acquire 1 · s acquire 2 · s acquire 0 · s acquire 4 · s acquire -14 · s acquire -13',
  'u acquire 1 · u acquire 2 · u acquire 0 · u acquire 4 · u acquire -14',
  'l acquire 1 · l acquire 2 · l acquire 0 · l acquire 4 · l acquire -14 · l acquire -15 · l acquire -13',
  'i acquire 1 · i acquire 2 · i acquire 0 · i acquire -14 · i release 1 · i renew 1 · I acquire 1 · I acquire 2 · I acquire 0 · I acquire -14 · I release 1 · I renew 1',
  'x release 1 · x release 2 · x release 3 · x release -1 · x release -12 · s release 1 · s release 2 · s release -1 · l release 1 · l release 2',
  'x release early 1 · x release early 2 · s release early 1 · s release early 2 · l release early 1 · plain release early 1 · plain release early 2',
  'x renew 1 · s renew 1 · s renew -1 · u renew 1 · l renew 1 · x renew -12',
  'waiting upgrade 1 · waiting upgrade 2 · waiting upgrade -1 · waiting upgrade -14 · upgrade 1 · upgrade 0 · upgrade given up 0 · upgrade given up 1 · downgrade 1 · downgrade -1',
  'downgrade -14 · downgrade -13 · force 1 · force 0 · force -12 · force one 1 · force one 0 · inspect true · limit 1 · again 1 · again 2',
].flatMap((line) => line.split(' · '));

let redis: RedisServer;
let real: GateServer;
beforeAll(async () => {
  redis = await startRedis();
  real = new GateServer(redis.url);
  await real.open();
});
afterAll(async () => {
  real.close();
  await redis.stop();
});

/** In words. */
async function differenceOf(mix: Mix, seed: string, met: Map<string, number>): Promise<string | undefined> {
  const { steps, model, met: answers } = new GatePlan(seed, LENGTH, mix);
  for (const answer of answers) met.set(answer, (met.get(answer) ?? 0) + 1);
  const found = await real.differenceOf(steps, model.heard);
  return found === undefined ? undefined : `seed ${seed}: ${found}`;
}

describe('the scripts of the general gate do what the model of the protocol says', () => {
  const met = new Map<string, number>();
  let operations = 0;

  it.each(Object.entries(MIXES))(
    `over its share of ${GATE_OPERATIONS} random operations: %s`,
    async (name, mix) => {
      const upTo = operations + Number(GATE_OPERATIONS) / Object.keys(MIXES).length;
      for (let i = 0; operations < upTo; i++) {
        expect(await differenceOf(mix, `${GATE_SEED}/${name}/${i}`, met)).toBeUndefined();
        operations = [...met.values()].reduce((sum, count) => sum + count, 0);
      }
    },
    1_200_000,
  );

  it.each(ANSWERS)('among them at least 5 with the answer %s', (answer) => {
    expect(met.get(answer)).toBeGreaterThanOrEqual(5);
  });
});
