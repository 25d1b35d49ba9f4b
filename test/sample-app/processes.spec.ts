import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { AppProcess } from '../../sample-app/src/demo/app-process.js';
import { freezeHolder } from '../../sample-app/src/demo/frozen-holder.js';
import { totalDamage } from '../../sample-app/src/demo/report.js';
import { playRound } from '../../sample-app/src/demo/round.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

const SOURCES = new URL('../support/run-typescript.mjs', import.meta.url).href;
const MAIN = fileURLToPath(new URL('../../sample-app/src/main.ts', import.meta.url));

/** The demo's own traffic, at two real processes of the sample app that share a real Redis. */
describe('two processes of the sample app', () => {
  let redis: RedisServer;
  let apps: AppProcess[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterEach(() => Promise.all(apps.map((app) => app.stop())));
  afterAll(() => redis.stop());

  async function start(unlocked: string): Promise<readonly [AppProcess, AppProcess]> {
    const env = {
      ...{ REDIS_URL: redis.url, SAMPLE_PREFIX: `test-${randomUUID()}`, UNLOCKED: unlocked },
      NODE_OPTIONS: `--import ${SOURCES}`,
    };
    const [a, b] = await Promise.all([AppProcess.start('A', env, MAIN), AppProcess.start('B', env, MAIN)]);
    apps = [a, b];
    return [a, b];
  }

  it('do no damage under 2 000 requests with the lock', async () => {
    const round = await playRound(await start(''), 'locked');
    expect(round.requests).toBeGreaterThanOrEqual(2_000);
    expect(round.failures).toBe(0);
    expect(round.damage).toEqual({
      ...{
        namesGivenTwice: 0,
        seatsOversold: 0,
        duplicateMessages: 0,
        answersThatDiffer: 0,
        lostPresenceUpdates: 0,
      },
    });
    expect(totalDamage(round)).toBe(0);
    expect(round.lockWaitMs.totalCount).toBeGreaterThanOrEqual(2_000);
  }, 60_000);

  it('do every kind of damage without it', async () => {
    const { damage } = await playRound(await start('presence,groups,messages'), 'unlocked');
    for (const [kind, count] of Object.entries(damage)) expect([kind, count > 0]).toEqual([kind, true]);
  }, 60_000);

  it('refuse the write of a holder that was frozen past its lease, although it did not look at its lease', async () => {
    const frozen = await freezeHolder(await start(''), 'frozen');
    expect(frozen).toMatchObject({
      refused: true,
      answer: { status: 409, code: 'STALE_WRITE' },
      members: ['bob'],
    });
    expect(frozen.frozenToken).toBeLessThan(frozen.nextToken);
  }, 60_000);
});
