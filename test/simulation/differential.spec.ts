import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '../support/start-redis.js';
import { answersMet, compare, shrink } from './differential/compare.js';
import { MixedPlan } from './differential/mixed-plan.js';
import { Plan } from './differential/plan.js';
import { MIXES } from './gate/gate-actor.js';
import { RealServer } from './differential/real-run.js';
import { ScriptedWorld } from './differential/scripted-run.js';
import type { Step } from './differential/step.js';

/** More, or others: DIFFERENTIAL_SEQUENCES=50000 DIFFERENTIAL_SEED=monday npx jest differential */
const { DIFFERENTIAL_SEQUENCES = '2000', DIFFERENTIAL_SEED = 'fast' } = process.env;
const LENGTH = 30;

const ANSWERS = [
  'acquire 1 · acquire 0 · acquire 2 · acquire 4 · acquire -9 · acquire -10 · acquire several · acquire the same lock twice',
  'acquire one refused WRONGTYPE · acquire one refused OOM · acquire one refused ERR · acquire refused READONLY',
  'release 1 · release 2 · release 3 · release -1 · release several · release the same lock twice',
  'release one refused WRONGTYPE · release one refused ERR · release refused READONLY',
  'yield 1 · yield 2 · yield 3 · yield -1 · yield kept before · yield several · yield the same lock twice',
  'yield one refused WRONGTYPE · yield one refused ERR · yield refused READONLY',
  'renew 1 · renew newer · renew -1 · renew several · renew refused READONLY',
  'force 1 · force 0 · force -9 · force -10 · force refused READONLY',
  'inspect free · inspect held · inspect conflict · inspect later format · inspect at the gate · probe fine',
  'acquire -11 · release -11 · yield -11 · renew -11 · force -11',
].flatMap((line) => line.split(' · '));

const MIXED_ANSWERS = [
  'acquire 1 · acquire 2 · acquire -11 · release 1 · release -11 · renew 1',
  'gate-acquire 1 · gate-acquire 0 · gate-acquire 2 · gate-acquire 4 · gate-acquire -9 · gate-acquire -10 · gate-acquire -12',
  'gate-acquire -13 · gate-acquire -14 · gate-acquire -15 · gate-acquire several · gate-acquire the same lock twice',
  'gate-acquire one refused WRONGTYPE · gate-acquire one refused OOM · gate-acquire one refused ERR · gate-acquire refused READONLY',
  'gate-release 1 · gate-release 2 · gate-release 3 · gate-release -1 · gate-release -9 · gate-release -10 · gate-release -12',
  'gate-release several · gate-release one refused WRONGTYPE · gate-release refused READONLY',
  'gate-renew 1 · gate-renew newer · gate-renew -1 · gate-renew -12 · gate-renew several · gate-renew one refused WRONGTYPE',
  'gate-upgrade 1 · gate-upgrade 2 · gate-upgrade 0 · gate-upgrade -1 · gate-upgrade -14 · gate-upgrade refused WRONGTYPE',
  'gate-downgrade 1 · gate-downgrade -1 · gate-downgrade -13 · gate-downgrade -14',
  'gate-force 1 · gate-force 0 · gate-force -12 · gate-inspect 0 · gate-inspect 1 · gate-inspect -12 · gate-limit 1',
].flatMap((line) => line.split(' · '));

let redis: RedisServer;
let real: RealServer;
beforeAll(async () => {
  redis = await startRedis();
  real = new RealServer(redis.url);
  await real.open();
});
afterAll(async () => {
  real.close();
  await redis.stop();
});

/** In words, with the fewest steps that show it. */
async function differenceOf(steps: readonly Step[], seed: string): Promise<string | undefined> {
  const found = await compare(steps, real);
  if (found === undefined) return undefined;
  const fewest = await shrink(steps, real);
  const story = fewest.map((step) => JSON.stringify(step)).join('\n');
  return `seed ${seed}: ${(await compare(fewest, real)) ?? found}\n${story}`;
}

describe('the scripted server answers as the real scripts do on a real Redis', () => {
  const met = new Map<string, number>();

  it(`in ${DIFFERENTIAL_SEQUENCES} random sequences of ${LENGTH} steps: replies, what is published, what lies in the keys`, async () => {
    for (let i = 0; i < Number(DIFFERENTIAL_SEQUENCES); i++) {
      const seed = `${DIFFERENTIAL_SEED}/${i}`;
      const { steps } = new Plan(seed, LENGTH);
      for (const answer of answersMet(steps)) met.set(answer, (met.get(answer) ?? 0) + 1);
      expect(await differenceOf(steps, seed)).toBeUndefined();
    }
  }, 1_200_000);

  it.each(ANSWERS)('among them at least 5 with the answer %s', (answer) => {
    expect(met.get(answer)).toBeGreaterThanOrEqual(5);
  });
});

describe('and so do those of every kind of lock', () => {
  const met = new Map<string, number>();

  it.each(Object.entries(MIXES))(
    `in a tenth of ${DIFFERENTIAL_SEQUENCES} random sequences of ${LENGTH} steps: %s`,
    async (name, mix) => {
      for (let i = 0; i < Number(DIFFERENTIAL_SEQUENCES) / 10; i++) {
        const seed = `${DIFFERENTIAL_SEED}/${name}/${i}`;
        const { steps } = new MixedPlan(seed, LENGTH, mix);
        for (const answer of answersMet(steps)) met.set(answer, (met.get(answer) ?? 0) + 1);
        expect(await differenceOf(steps, seed)).toBeUndefined();
      }
    },
    1_200_000,
  );

  it.each(MIXED_ANSWERS)('among them at least 5 with the answer %s', (answer) => {
    expect(met.get(answer)).toBeGreaterThanOrEqual(5);
  });
});

describe('the scripted server', () => {
  it('copied, goes its own way from the same state', () => {
    const world = new ScriptedWorld();
    world.do({ does: 'disturb', key: 'lock:{a}', value: 'mine' });
    const copy = world.server.clone({
      nowUs: () => world.nowUs,
      listeners: () => 0,
      publish: () => undefined,
    });
    expect(copy.hash()).toBe(world.server.hash());
    copy.wipe();
    expect(world.server.dump('lock:{a}')).toBe('string mine');
    expect(copy.hash()).not.toBe(world.server.hash());
  });
});
