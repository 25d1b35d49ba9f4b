import { LockUsageError } from '../../lock-errors.js';
import type {
  PostgresConnection,
  PostgresDriver,
  PostgresSocket,
  PostgresWanted,
} from './postgres-driver.js';

/** What we use of the package `pg`. Structural: its types need not be installed. */
interface PgClient {
  connect(): Promise<unknown>;
  /** Of several statements in one text: a result for each. */
  query(statement: object): Promise<PgResult | readonly PgResult[]>;
  end(): Promise<void>;
  on(event: string, listener: (...args: never[]) => void): unknown;
  readonly connection?: { readonly stream?: PostgresSocket };
}
interface PgResult {
  readonly rows: readonly (readonly (string | number | null)[])[];
}
type PgModule = { readonly Client: new (config: object) => PgClient };

/** The driver for `pg`. @param config for its Client; what a lock needs is set over it */
export function pgDriver(config: Readonly<Record<string, unknown>>, address: string): PostgresDriver {
  return {
    kind: 'pg',
    address,
    connect: async (wanted) => {
      const { Client } = await loadPg();
      const client = new Client({ ...config, ...profile(config, wanted) });
      return new PgConnection(client, wanted).open();
    },
  };
}

function profile(config: Readonly<Record<string, unknown>>, { settings, connectMs }: PostgresWanted): object {
  const given = typeof config['options'] === 'string' ? `${config['options']} ` : '';
  const words = Object.entries(settings).map(
    ([name, value]) => `-c ${name}=${value.replaceAll(/[\\ ]/g, '\\$&')}`,
  );
  return {
    application_name: config['application_name'] ?? 'nestjs-distributed-lock',
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5_000,
    statement_timeout: undefined, // ours are in `options`: a pooler may refuse them, and then we go without
    lock_timeout: undefined,
    query_timeout: undefined, // rings after a blocked event loop before the answer is read; see silence-watch.ts
    ...(words.length > 0 && { options: given + words.join(' ') }),
  };
}

class PgConnection implements PostgresConnection {
  #isOver = false;

  constructor(
    private readonly client: PgClient,
    wanted: PostgresWanted,
  ) {
    // Without a listener an error of an idle connection ends the process.
    client.on('error', () => this.#over(wanted));
    client.on('end', () => this.#over(wanted));
    client.on('notification', ({ channel, payload }: { channel: string; payload?: string }) =>
      wanted.onNotice(channel, payload ?? ''),
    );
  }

  async open(): Promise<this> {
    try {
      await this.client.connect();
    } catch (error) {
      this.socket()?.destroy();
      throw error;
    }
    return this;
  }

  async query({ text, values, name }: Parameters<PostgresConnection['query']>[0]): Promise<string | null> {
    const result = await this.client.query({
      text,
      rowMode: 'array',
      ...(values !== undefined && { values }),
      ...(name !== undefined && { name }),
    });
    const first = (result as PgResult).rows?.[0]?.[0] ?? null;
    return first === null ? null : String(first);
  }

  socket(): PostgresSocket | undefined {
    return this.client.connection?.stream;
  }

  async end(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }

  #over(wanted: PostgresWanted): void {
    if (this.#isOver) return;
    this.#isOver = true;
    wanted.onEnd();
  }
}

let loaded: Promise<PgModule> | undefined;

/** Only here, and only when it is needed: who keeps locks elsewhere need not install it. */
function loadPg(): Promise<PgModule> {
  return (loaded ??= import('pg').then(
    (module) => ((module as { default?: PgModule }).default ?? module) as PgModule,
    (error: unknown) => {
      loaded = undefined;
      const message =
        'postgresStore needs the package "pg", which cannot be loaded; npm install pg (8 or newer), or give a `driver`';
      throw new LockUsageError('LOCK_OPTIONS_INVALID', message, { cause: error });
    },
  ));
}
