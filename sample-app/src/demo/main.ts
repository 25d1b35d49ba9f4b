import { Redis } from 'ioredis';
import { STORIES } from '../config.js';
import { AppProcess } from './app-process.js';
import { type FrozenHolder, freezeHolder } from './frozen-holder.js';
import { startRedisServer } from './redis-server.js';
import { frozenHolderLines, roundsTable, totalDamage } from './report.js';
import { playRound, type Round } from './round.js';

/** It takes about 20 s, on a busy machine a minute; after this everything it started is ended. */
const GIVE_UP_AFTER_MS = 120_000;

type Apps = readonly [AppProcess, AppProcess];

/** `npm run demo`: the same traffic with and without the lock, then a holder that is frozen past its lease. */
async function demo(): Promise<boolean> {
  const run = `demo-${process.pid}-${Date.now().toString(36)}`;
  const given = process.env['REDIS_URL'];
  const redis = given ? borrowedRedis(given, run) : await startRedisServer();
  console.log(`Redis: ${redis.description}`);
  const env = { REDIS_URL: redis.url, SAMPLE_PREFIX: run, NODE_ENV: 'development' };
  try {
    console.log('Two processes, every story under its lock …');
    const [locked, frozen] = await withApps({ ...env, UNLOCKED: '' }, async (apps) => {
      const round = await playRound(apps, 'locked');
      console.log('… now one of them is frozen while it holds a lock …');
      return [round, await freezeHolder(apps, 'locked')] as const;
    });
    console.log('Two processes, every story without its lock …');
    const unlocked = await withApps({ ...env, UNLOCKED: STORIES.join(',') }, (apps) =>
      playRound(apps, 'unlocked'),
    );
    return report(locked, unlocked, frozen);
  } finally {
    await redis.stop();
  }
}

function report(locked: Round, unlocked: Round, frozen: FrozenHolder): boolean {
  console.log(
    `\n${roundsTable(locked, unlocked)}\n\nA holder frozen past its lease\n${frozenHolderLines(frozen)}\n`,
  );
  const failed = [
    totalDamage(locked) > 0 && 'there was damage although every story was locked',
    locked.failures > 0 && 'requests failed although every story was locked',
    !frozen.refused && 'the stale write was accepted',
  ].filter((reason) => reason !== false);
  for (const reason of failed) console.error(`FAILED: ${reason}`);
  return failed.length === 0;
}

async function withApps<T>(
  env: Readonly<Record<string, string>>,
  work: (apps: Apps) => Promise<T>,
): Promise<T> {
  const apps = await AppProcess.startTwo(env);
  try {
    return await work(apps);
  } finally {
    await Promise.all(apps.map((app) => app.stop()));
  }
}

/** Somebody else's server: we leave it as we found it, every key of this run begins with `run`. */
function borrowedRedis(
  url: string,
  run: string,
): { url: string; description: string; stop(): Promise<void> } {
  const stop = async () => {
    const client = new Redis(url);
    for await (const keys of client.scanStream({ match: `${run}:*`, count: 1_000 })) {
      if ((keys as string[]).length > 0) await client.del(...(keys as string[]));
    }
    await client.quit();
  };
  return { url, description: 'the one of REDIS_URL', stop };
}

// What is started here is ended here: children are killed when this process exits, for whatever reason.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const giveUp = setTimeout(() => {
  console.error(`FAILED: not done after ${GIVE_UP_AFTER_MS / 1_000} s`);
  process.exit(1);
}, GIVE_UP_AFTER_MS);

try {
  process.exitCode = (await demo()) ? 0 : 1;
} catch (error) {
  const { message, cause } = error as Error;
  console.error(`FAILED: ${message}`, cause ?? '');
  process.exitCode = 1;
} finally {
  clearTimeout(giveUp);
}
