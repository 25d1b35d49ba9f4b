import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { findRedisServer, HOW_TO_INSTALL_REDIS } from '../../scripts/find-redis.mjs';
import { randomPort } from './ports.js';
import { killWhenWeAreGone, unref } from './reaper.js';

/**
 * A real Redis of a test's own: on a free port of 127.0.0.1, without persistence, ready in about 30 ms, and gone with the
 * process that started it, even when that is killed.
 */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Its working directory, where it keeps its files. */
  readonly folder: string;
  /** Changes with {@link restart}. */
  readonly pid: number;
  /** SIGSTOP: the server keeps its connections and answers nothing. */
  freeze(): void;
  /** SIGCONT: what was sent meanwhile is now executed. */
  thaw(): void;
  /** SIGKILL: connections are reset, memory is gone. Resolves when the process has ended. */
  kill(): Promise<void>;
  /** Ends it (cleanly, if it still runs) and starts it again on the same port, with the same arguments and folder. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

export interface RedisOptions {
  /** Further arguments for the server; they win over ours: `['--appendonly', 'yes']`. */
  args?: string[];
  /** Added to its environment. */
  env?: Readonly<Record<string, string>>;
  /** Default: any free one. */
  port?: number;
}

export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const binary = findRedisServer();
  if (binary === null) throw new Error(HOW_TO_INSTALL_REDIS);
  const folder = mkdtempSync(join(tmpdir(), 'test-redis-'));
  const server = new LocalRedis(binary, folder, options);
  try {
    await server.start();
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return server;
}

const PORT_TRIES = 20;

class LocalRedis implements RedisServer {
  port = 0;
  #process: ChildProcess | undefined;
  #cancelReaper = (): void => {};

  constructor(
    private readonly binary: string,
    readonly folder: string,
    private readonly options: RedisOptions,
  ) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('this redis-server is not running');
    return pid;
  }

  async start(): Promise<void> {
    const fixedPort = this.options.port ?? (this.port === 0 ? undefined : this.port);
    for (let tries = 1; ; tries++) {
      this.port = fixedPort ?? randomPort();
      const failure = await this.#spawn();
      if (failure === null) return;
      const taken = failure.includes('in use');
      if (!taken || fixedPort !== undefined || tries === PORT_TRIES) {
        throw new Error(`${this.binary} did not start on port ${this.port}:\n${failure}`);
      }
    }
  }

  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** null when it is ready, else what it said before it ended. */
  async #spawn(): Promise<string | null> {
    const quiet = ['--save', '', '--appendonly', 'no', '--dir', this.folder];
    const args = ['--port', String(this.port), '--bind', '127.0.0.1', ...quiet, ...(this.options.args ?? [])];
    const child = spawn(this.binary, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...this.options.env },
    });
    const failure = await untilReady(child);
    if (failure !== null) return failure;
    this.#process = child;
    this.#cancelReaper = killWhenWeAreGone(this.pid);
    unref(child); // a test that forgets stop() must not keep its worker alive
    return null;
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    this.#cancelReaper();
    child.ref();
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGCONT'); // a frozen process does not see SIGTERM
    child.kill(signal);
    await exited;
  }
}

/** Keeps reading afterwards: a full pipe would stop the server. */
function untilReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let output: string | undefined = '';
    const read = (chunk: Buffer): void => {
      if (output === undefined) return;
      output += chunk.toString();
      if (!output.includes('Ready to accept connections')) return;
      output = undefined;
      resolve(null);
    };
    child.stdout!.on('data', read);
    child.stderr!.on('data', read);
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(output ?? `ended with code ${code}`));
  });
}
