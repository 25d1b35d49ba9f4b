import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

import { findPostgresBin, HOW_TO_INSTALL_POSTGRES, postgresUser } from '../../scripts/find-postgres.mjs';
import { randomPort } from './ports.js';
import { killWhenWeAreGone, unref } from './reaper.js';

/**
 * A real PostgreSQL of a test's own: on a free port of 127.0.0.1, user postgres without a password, ready in about a second, and gone with the
 * process that started it, even when that is killed.
 */
export interface PostgresServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Its data and its socket. */
  readonly folder: string;
  /** Of the postmaster; changes with {@link restart}. */
  readonly pid: number;
  /** The same server, as this user or with another database. */
  urlFor(user: string, database?: string): string;
  /** One statement as the superuser, on a connection of its own; rows as objects. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGINT: the fast shutdown of operators; connections are told and closed. Or SIGQUIT: as a crash. Then starts it again on the same port. */
  restart(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>;
  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}

export interface PostgresOptions {
  /** Further settings: `{ max_connections: '20' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Is there one on this machine? A spec that needs it says loudly what it skips. */
export function hasPostgres(): boolean {
  return findPostgresBin() !== null;
}

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const bin = findPostgresBin();
  if (bin === null) throw new Error(HOW_TO_INSTALL_POSTGRES);
  const folder = mkdtempSync(join(tmpdir(), 'test-postgres-'));
  const user = postgresUser(readFileSync('/etc/passwd', 'utf8'));
  if (user !== null) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o755);
  const server = new LocalPostgres(bin, folder, { ...options, ...user });
  try {
    server.init();
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

const PORT_TRIES = 20;

class LocalPostgres implements PostgresServer {
  port = 0;
  #process: ChildProcess | undefined;
  #cancelReaper = (): void => {};

  constructor(
    private readonly bin: string,
    readonly folder: string,
    private readonly options: PostgresOptions & { readonly uid?: number; readonly gid?: number },
  ) {}

  get url(): string {
    return this.urlFor('postgres');
  }

  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error('this PostgreSQL server is not running');
    return pid;
  }

  urlFor(user: string, database = 'postgres'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`;
  }

  init(): void {
    const args = [
      '-D',
      join(this.folder, 'data'),
      '-A',
      'trust',
      '-N',
      '-U',
      'postgres',
      '--no-locale',
      '-E',
      'UTF8',
    ];
    const { status, stderr } = spawnSync(join(this.bin, 'initdb'), args, { ...this.#as(), encoding: 'utf8' });
    if (status !== 0) throw new Error(`initdb failed:\n${stderr}`);
  }

  async start(): Promise<void> {
    const fixedPort = this.port === 0 ? undefined : this.port;
    for (let tries = 1; ; tries++) {
      this.port = fixedPort ?? randomPort();
      const failure = await this.#spawn();
      if (failure === null) return;
      if (!failure.includes('in use') || fixedPort !== undefined || tries === PORT_TRIES)
        throw new Error(`PostgreSQL did not start on port ${this.port}:\n${failure}`);
    }
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      const { rows } = await client.query<Record<string, unknown>>(
        text,
        values.length > 0 ? values : undefined,
      );
      return rows;
    } finally {
      await client.end();
    }
  }

  async restart(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    await this.#end(signal);
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end('SIGQUIT');
    rmSync(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #as(): { cwd: string; uid?: number; gid?: number } {
    const { uid, gid } = this.options;
    return { cwd: this.folder, ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
  }

  /** null when it is ready, else what it said before it ended. */
  async #spawn(): Promise<string | null> {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.folder,
      max_connections: '300',
      shared_buffers: '32MB',
      fsync: 'off', // of the machine's disk, not of what is tested: a crash of the server process loses no write
      ...this.options.settings,
    };
    const words = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(
      join(this.bin, 'postgres'),
      ['-D', join(this.folder, 'data'), '-p', String(this.port), ...words],
      {
        ...this.#as(),
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const failure = await untilReady(child);
    if (failure !== null) return failure;
    this.#process = child;
    this.#cancelReaper = killWhenWeAreGone(this.pid);
    unref(child);
    return null;
  }

  async #end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    this.#process = undefined;
    this.#cancelReaper();
    child.ref();
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill(signal);
    await exited;
  }
}

/** Keeps reading afterwards: a full pipe would stop the server. */
function untilReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let output: string | undefined = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      if (output === undefined) return;
      output += chunk.toString();
      if (!output.includes('ready to accept connections')) return;
      output = undefined;
      resolve(null);
    });
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(output ?? `ended with code ${code}`));
  });
}
