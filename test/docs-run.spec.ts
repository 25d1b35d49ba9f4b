import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ROOT } from './support/source-files.js';
import { hasPostgres, type PostgresServer, startPostgres } from './support/start-postgres.js';
import { type RedisServer, startRedis } from './support/start-redis.js';

/** `console.log(…); // what it prints` */
const PRINTS = /^console\.log\(.*\); \/\/ (.*)$/gm;

const examples = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.md'))
  .flatMap((path) => {
    const blocks = readFileSync(join(ROOT, 'docs', path), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```/gm);
    return [...blocks].map(([, text = '']) => ({ path, text }));
  })
  .filter(({ text }) => text.search(PRINTS) !== -1)
  .filter(({ text }) => hasPostgres() || !text.includes('DATABASE_URL')); // jest.config.mjs says loudly that there is none

/** Examples that say what they print are run, on a real server. */
describe('the examples of docs/ that print', () => {
  const folder = join(ROOT, `node_modules/.cache/docs-run-${process.pid}`); // below the packages that they import
  let redis: RedisServer;
  let postgres: PostgresServer | undefined;
  beforeAll(async () => {
    redis = await startRedis();
    if (hasPostgres()) postgres = await startPostgres();
    mkdirSync(folder, { recursive: true });
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await redis.stop();
    await postgres?.stop();
  });

  async function run(text: string): Promise<string[]> {
    const file = join(folder, 'example.ts');
    writeFileSync(file, text);
    const loader = new URL('support/run-typescript.mjs', import.meta.url).href;
    const env = { ...process.env, REDIS_URL: redis.url, DATABASE_URL: postgres?.url };
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', loader, file], { env });
    return stdout.trimEnd().split('\n');
  }

  it.each(examples)('$path: print what they say, and end by themselves', async ({ text }) => {
    const expected = [...text.matchAll(PRINTS)].map(([, said]) => said);
    expect(await run(text)).toEqual(expected);
  });

  it('are found, and would print something else if the release were not sent', async () => {
    const example = examples.find(({ text }) => text.includes("release: 'sent'"));
    expect(example).toBeDefined();
    const confirmed = example!.text.replace("release: 'sent'", "release: 'confirmed'");
    expect((await run(confirmed))[0]).toBe('LOCK_STORE_UNAVAILABLE'); // it waited for an answer that could not come
  });
});
