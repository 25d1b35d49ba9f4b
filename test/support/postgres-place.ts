import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { LockManager, type LockManagerOptions } from '../../lib/index.js';
import { pgDriver } from '../../lib/stores/postgres/pg-driver.js';
import {
  type PostgresDriver,
  postgresStore,
  type PostgresStoreOptions,
} from '../../lib/stores/postgres/index.js';
import { eventually } from './in-time.js';
import { killWhenWeAreGone } from './reaper.js';

/** Managers on one server, each a process of its own to the others; all closed by {@link close}. */
export class PostgresPlace {
  readonly warnings: string[] = [];
  readonly #managers: LockManager[] = [];
  readonly #children: ChildProcess[] = [];
  #cases = 0;

  constructor(private readonly url: () => string) {}

  /** Names of one case do not meet those of another. */
  prefix(): string {
    return `case${this.#cases++}`;
  }

  /** A manager that is ready. */
  async manager(
    prefix: string,
    store: Partial<PostgresStoreOptions> = {},
    options: Partial<LockManagerOptions> = {},
  ): Promise<LockManager> {
    const place =
      store.driver === undefined && store.url === undefined ? { url: this.url(), ...store } : store;
    const locks = new LockManager({ store: postgresStore(place), prefix, drainMs: 0, ...options });
    locks.on('warning', (event) => this.warnings.push(JSON.stringify(event)));
    this.#managers.push(locks);
    await locks.ready();
    return locks;
  }

  /** A process of its own that asks for the name. */
  holder(prefix: string, name: string, leaseMs: number): ChildProcess & { readonly said: string[] } {
    const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const args = ['--import', file('run-typescript.mjs'), file('postgres-holder.child.ts')];
    const child = spawn(process.execPath, [...args, this.url(), prefix, name, String(leaseMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    killWhenWeAreGone(child.pid!);
    this.#children.push(child);
    const said: string[] = [];
    child.stdout.on('data', (chunk: Buffer) => said.push(...chunk.toString().trim().split('\n')));
    return Object.assign(child, { said });
  }

  async close(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill('SIGCONT');
      child.kill('SIGKILL');
    }
    await Promise.all(this.#managers.splice(0).map((locks) => locks.close()));
  }
}

/** So many processes are queued for the name. */
export async function queued(locks: LockManager, name: string, count = 1): Promise<void> {
  await eventually(async () => (await locks.inspect(name)).waitingProcesses === count);
}

/** `pg`, and what was sent through it. */
export function countingDriver(url: string): PostgresDriver & { readonly texts: string[] } {
  const driver = pgDriver({ connectionString: url }, 'counted');
  const texts: string[] = [];
  return {
    ...driver,
    texts,
    connect: async (wanted) => {
      const connection = await driver.connect(wanted);
      const query = connection.query.bind(connection);
      return Object.assign(connection, {
        query: (statement: Parameters<typeof query>[0]) => {
          texts.push(statement.text);
          return query(statement);
        },
      });
    },
  };
}
