import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A real Redis of one spec file: on a free port of 127.0.0.1, without persistence, ready in about 30 ms. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const PORT_TRIES = 20;

export async function startRedis(...args: string[]): Promise<RedisServer> {
  const binary = process.env['REDIS_SERVER_BIN'];
  if (binary === undefined) throw new Error('REDIS_SERVER_BIN is not set: `npm run test:ecosystem` sets it');
  const folder = mkdtempSync(join(tmpdir(), 'test-redis-'));
  for (let tries = 1; ; tries++) {
    // Below the range that systems give to outgoing connections.
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
    const child = spawn(binary, [...where, '--save', '', '--appendonly', 'no', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const failure = await untilReady(child);
    if (failure === null) return running(child, port, folder);
    if (!failure.includes('in use') || tries === PORT_TRIES) throw new Error(failure);
  }
}

function running(child: ChildProcess, port: number, folder: string): RedisServer {
  const cancelReaper = killWhenWeAreGone(child.pid!);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async stop() {
      cancelReaper();
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A shell waits on a pipe that only we hold open: when we are gone, however we went, it ends the server. */
function killWhenWeAreGone(pid: number): () => void {
  const reaper = spawn('sh', ['-c', 'read -r _; kill -9 "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  reaper.unref();
  return () => void reaper.kill('SIGKILL');
}

/** null when it is ready, else what it said. Keeps reading afterwards: a full pipe would stop the server. */
function untilReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let output = '';
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
      if (output.includes('Ready to accept connections')) resolve(null);
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.on('error', (error) => resolve(error.message));
    child.on('close', () => resolve(output));
  });
}
