import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';

/** A Redis of a run: a process of its own, without persistence, emptied before each measurement. */
export interface BenchRedis {
  readonly url: string;
  readonly port: number;
  readonly version: string;
  /** Makes it forget everything: keys, scripts, statistics. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** The command under which it runs, such as valgrind. */
  readonly under?: readonly string[];
  readonly settings?: readonly string[];
  /** 'SIGTERM' lets it, and what it runs under, end as it wants to. */
  readonly stopWith?: 'SIGKILL' | 'SIGTERM';
}

const START_TRIES = 10;
const READY_MS = 15_000;

export async function startRedis(options: RedisOptions = {}): Promise<BenchRedis> {
  const { under = [], settings = [], stopWith = 'SIGKILL' } = options;
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
  for (let tries = 1; ; tries++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const quiet = ['--save', '', '--appendonly', 'no', '--dir', folder, '--loglevel', 'warning'];
    const binary = process.env['REDIS_SERVER_BIN'] ?? 'redis-server';
    const command = [...under, binary, '--port', String(port), '--bind', '127.0.0.1', ...quiet, ...settings];
    const server = spawn(command[0] ?? binary, command.slice(1), { stdio: 'ignore' });
    const exited = once(server, 'exit');
    const killAtExit = (): boolean => server.kill('SIGKILL');
    process.once('exit', killAtExit);
    const redis = new Redis({ port, lazyConnect: true, retryStrategy: null });
    redis.on('error', () => {}); // told by the commands
    if (await isReady(redis, () => server.exitCode !== null)) {
      const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
      return {
        url: `redis://127.0.0.1:${port}`,
        port,
        version,
        async empty() {
          await redis.flushall();
          await redis.script('FLUSH');
          await redis.config('RESETSTAT');
        },
        async stop() {
          redis.disconnect();
          server.kill(stopWith);
          await exited;
          process.off('exit', killAtExit);
          rmSync(folder, { recursive: true, force: true });
        },
      };
    }
    server.kill('SIGKILL');
    if (tries === START_TRIES) throw new Error(`${binary} does not start`);
  }
}

async function isReady(redis: Redis, hasEnded: () => boolean): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < READY_MS && !hasEnded(); waitedMs += 20) {
    try {
      if (redis.status !== 'ready') await redis.connect();
      await redis.ping();
      return true;
    } catch {
      await sleep(20);
    }
  }
  return false;
}
