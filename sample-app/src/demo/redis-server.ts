import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

export interface RedisServer {
  readonly url: string;
  readonly description: string;
  stop(): Promise<void>;
}

const PROGRAMS = ['redis-server', 'valkey-server'];
const START_WITHIN_MS = 5_000;

/** A server of our own on a free port of 127.0.0.1, which keeps nothing. @throws Error that says how to get one */
export async function startRedisServer(): Promise<RedisServer> {
  const program = await findProgram();
  const port = await freePort();
  const network = ['--port', `${port}`, '--bind', '127.0.0.1'];
  const nothingOnDisk = ['--save', '', '--appendonly', 'no', '--dir', tmpdir()];
  const server = spawn(program, [...network, ...nothingOnDisk], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  const kill = () => server.kill('SIGKILL');
  process.once('exit', kill);

  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`${program} did not start in time`)), START_WITHIN_MS);
    server.stdout.on('data', (text: Buffer) => {
      if (!text.includes('Ready to accept connections')) return;
      clearTimeout(late);
      resolve();
    });
  });
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await ended;
  };
  return { url: `redis://127.0.0.1:${port}`, description: `${program} on port ${port}`, stop };
}

async function findProgram(): Promise<string> {
  for (const program of PROGRAMS) {
    for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = join(directory, program);
      const found = await access(path, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return path;
    }
  }
  throw new Error(
    `the demo needs Redis: set REDIS_URL, or install ${PROGRAMS.join(' or ')} (apt-get install redis-server, brew install valkey)`,
  );
}

/** Below the range that systems give to outgoing connections: nobody takes it before the server does. */
async function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const probe = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    probe.on('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
  return isFree ? port : freePort();
}
