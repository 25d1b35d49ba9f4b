import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { AppProcess } from '../../sample-app/src/demo/app-process.js';
import { freezeHolder } from '../../sample-app/src/demo/frozen-holder.js';
import { playRound } from '../../sample-app/src/demo/round.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

const SOURCES = new URL('../support/run-typescript.mjs', import.meta.url).href;
const MAIN = fileURLToPath(new URL('../../sample-app/src/main.ts', import.meta.url));
/** Compiled while they start, on a machine that may run other tests. */
const START_WITHIN_MS = 120_000;
const ROUND_WITHIN_MS = 300_000;

type Apps = readonly [AppProcess, AppProcess];

/** undefined: they did not start. */
async function stop(apps: Apps | undefined): Promise<void> {
  await Promise.all((apps ?? []).map((app) => app.stop()));
}

/** The demo's own traffic, at two real processes of the sample app that share a real Redis. */
describe('two processes of the sample app', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function start(unlocked: string, latencyMs = 2): Promise<Apps> {
    const env = {
      REDIS_URL: redis.url,
      SAMPLE_PREFIX: `test-${randomUUID()}`,
      UNLOCKED: unlocked,
      SAMPLE_LATENCY_MS: `${latencyMs}`,
      NODE_OPTIONS: `--import ${SOURCES}`,
    };
    return AppProcess.startTwo(env, MAIN);
  }

  describe('with the lock', () => {
    let apps: Apps;
    beforeAll(async () => {
      apps = await start('');
    }, START_WITHIN_MS);
    afterAll(() => stop(apps));

    it(
      'do no damage under 2 000 requests',
      async () => {
        const round = await playRound(apps, 'locked');
        expect(round.requests).toBeGreaterThanOrEqual(2_000);
        expect(round.failures).toBe(0);
        expect(round.damage).toEqual({
          namesGivenTwice: 0,
          seatsOversold: 0,
          duplicateMessages: 0,
          answersThatDiffer: 0,
          lostPresenceUpdates: 0,
        });
        expect(round.lockWaitMs.totalCount).toBeGreaterThanOrEqual(2_000);
      },
      ROUND_WITHIN_MS,
    );

    it('refuse the write of a holder that was frozen past its lease and does not stop when it is told', async () => {
      const frozen = await freezeHolder(apps, 'frozen');
      expect(frozen).toMatchObject({ refused: true, members: ['bob'] });
      expect(frozen.answer).toEqual({ status: 409, code: 'STALE_WRITE' });
      expect(frozen.frozenToken).toBeLessThan(frozen.nextToken as number);
    });
  });

  describe('without the lock', () => {
    let apps: Apps;
    beforeAll(async () => {
      apps = await start('presence,groups,messages', 10); // a slower state: damage does not depend on luck
    }, START_WITHIN_MS);
    afterAll(() => stop(apps));

    it(
      'do every kind of damage',
      async () => {
        const { damage } = await playRound(apps, 'unlocked');
        for (const [kind, count] of Object.entries(damage)) expect([kind, count > 0]).toEqual([kind, true]);
      },
      ROUND_WITHIN_MS,
    );
  });
});
