import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { eventually } from './support/in-time.js';
import { accepts, freePort } from './support/ports.js';
import { ROOT } from './support/source-files.js';
import { startRedis, type RedisServer } from './support/start-redis.js';

describe('the first example of the README', () => {
  const folder = join(ROOT, 'node_modules/.cache/readme'); // below the packages that the example imports
  const file = join(folder, `example-${process.pid}.ts`);
  let redis: RedisServer;
  let app: ChildProcess | undefined;

  beforeEach(async () => {
    redis = await startRedis();
  });

  afterEach(async () => {
    app?.kill('SIGKILL');
    rmSync(file, { force: true });
    await redis.stop();
  });

  /** Copies the example as it stands in the README and runs it; resolves with its address when it serves. */
  async function run(change: (example: string) => string = (example) => example): Promise<string> {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    const [, example] = /^```ts\n([\s\S]*?)^```/m.exec(readme)!;
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, change(example!));
    const port = await freePort();
    const loader = new URL('support/run-typescript.mjs', import.meta.url).href;
    app = spawn(process.execPath, ['--import', loader, file], {
      env: { ...process.env, PORT: String(port), REDIS_URL: redis.url },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    app.stdout!.on('data', (chunk) => (output += String(chunk)));
    // What it logs comes before it listens.
    await eventually(async () => {
      if (app!.exitCode !== null) throw new Error(`the example ended:\n${output}`);
      return accepts(port);
    });
    return `http://127.0.0.1:${port}`;
  }

  async function join10(url: string): Promise<{ seat: number; fencingToken: number }[]> {
    const users = Array.from({ length: 10 }, (_, n) => `user${n}`);
    const answers = await Promise.all(
      users.map((userId) =>
        fetch(`${url}/groups/42/members`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ userId }),
        }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(users.map(() => 201));
    return Promise.all(
      answers.map((answer) => answer.json() as Promise<{ seat: number; fencingToken: number }>),
    );
  }

  it('runs as it stands, and ten requests at once get ten seats, each with a larger fencing token', async () => {
    const answers = (await join10(await run())).toSorted((a, b) => a.seat - b.seat);
    expect(answers.map(({ seat }) => seat)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const tokens = answers.map(({ fencingToken }) => fencingToken);
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b));
    expect(new Set(tokens).size).toBe(10);
  });

  it('shows the damage that it claims when the name of the lock is each request its own', async () => {
    const url = await run((example) =>
      example.replace(`'group:<groupId>'`, `'group:<groupId>:<body.userId>'`),
    );
    const seats = (await join10(url)).map(({ seat }) => seat);
    expect(new Set(seats).size).toBeLessThan(10);
  });

  it('stops by itself when asked to', async () => {
    await run();
    const exited = once(app!, 'exit');
    app!.kill('SIGTERM');
    await expect(exited).resolves.toEqual([null, 'SIGTERM']);
  });
});
