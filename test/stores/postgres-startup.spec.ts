import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LockStore } from '../../lib/index.js';
import { LockManager } from '../../lib/index.js';
import {
  postgresLockSchema,
  postgresStore,
  type PostgresStoreOptions,
} from '../../lib/stores/postgres/index.js';
import { failureOf } from '../support/failure-of.js';
import { APP_ROLE, makeLockSchema } from '../support/lock-schema.js';
import { type PostgresServer, startPostgres } from '../support/start-postgres.js';

let server: PostgresServer;

beforeAll(async () => {
  server = await startPostgres();
  await makeLockSchema(server);
  await server.query(`CREATE DATABASE empty`);
  await server.query(`CREATE ROLE stranger LOGIN`);
});
afterAll(() => server.stop());

/** A process that starts, asks for a lock with a lease longer than any before, and ends without closing anything. */
async function runChild(url: string): Promise<string> {
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  const args = [
    '--import',
    file('../support/run-typescript.mjs'),
    file('../support/postgres-start.child.ts'),
    url,
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout.trim().replaceAll('\n', ' ');
}

/** What a start says: the error, or the warnings. */
async function start(
  store: LockStore,
): Promise<{ error: { code?: string; message: string } | null; warnings: string[] }> {
  const locks = new LockManager({ store, drainMs: 0 });
  const warnings: string[] = [];
  locks.on('warning', (event) => warnings.push(JSON.stringify(event)));
  try {
    const error = await locks.ready().then(
      () => null,
      (thrown: unknown) => thrown as Error,
    );
    return { error, warnings };
  } finally {
    await locks.close();
  }
}

describe('the start of the PostgreSQL store', () => {
  it('no schema: names what to run, creates nothing, and works once that is done', async () => {
    const url = server.urlFor('postgres', 'empty');
    const { error } = await start(postgresStore({ url }));
    expect(error?.code).toBe('LOCK_STORE_UNSUPPORTED');
    expect(error?.message).toContain('postgresLockSchema');
    expect(error?.message).toContain("createSchema: 'create'");
    const [found] = await server.query(
      "SELECT count(*) AS n FROM pg_namespace WHERE nspname = 'distributed_lock'",
    );
    expect(Number(found?.['n'])).toBe(1); // of the other database, made by us
  });

  it("createSchema: 'create' makes it once, also when several processes start together", async () => {
    await server.query('CREATE DATABASE fresh');
    const url = server.urlFor('postgres', 'fresh');
    const starts = await Promise.all(
      [1, 2, 3].map(() => start(postgresStore({ url, createSchema: 'create' }))),
    );
    expect(starts.map(({ error }) => error)).toEqual([null, null, null]);
    expect((await start(postgresStore({ url }))).error).toBeNull();
  });

  it('the schema may be run again, also under locks that are held', async () => {
    const locks = new LockManager({ store: postgresStore({ url: server.url }) });
    const lease = await locks.acquire('held:over:migration');
    await makeLockSchema(server);
    expect(await lease.extend()).toBeUndefined();
    expect(await lease.release()).toBe('released');
    await locks.close();
  });

  it('a user without rights is told which to give', async () => {
    const { error } = await start(postgresStore({ url: server.urlFor('stranger') }));
    expect(error?.code).toBe('LOCK_STORE_UNSUPPORTED');
    expect(error?.message).toContain('grants(role)');
  });

  it('the user of the docs may call the functions, and cannot read a table', async () => {
    expect((await start(postgresStore({ url: server.urlFor(APP_ROLE) }))).error).toBeNull();
    for (const table of ['hold', 'queue', 'epoch', 'setting']) {
      const [row] = await server.query(
        `SELECT has_table_privilege('${APP_ROLE}', 'distributed_lock.${table}', 'SELECT') AS may`,
      );
      expect([table, row?.['may']]).toEqual([table, false]);
    }
  });

  it('no such user, no such database, nobody there: each says so', async () => {
    const said = async (options: PostgresStoreOptions) =>
      (await start(postgresStore({ commandMs: 500, ...options }))).error;
    expect((await said({ url: server.urlFor('nobody') }))?.message).toContain('does not let this user in');
    expect((await said({ url: server.urlFor('postgres', 'nowhere') }))?.message).toContain(
      'no such database',
    );
    const gone = await said({ url: 'postgres://postgres@127.0.0.1:1/postgres' });
    expect(gone?.code).toBe('LOCK_STORE_UNAVAILABLE');
    expect(gone?.message).toContain('ECONNREFUSED');
  });

  it('TLS is asked of a server that has none: says so at once', async () => {
    const { hostname: host, port } = new URL(server.url);
    const { error } = await start(
      postgresStore({ options: { host, port: Number(port), user: 'postgres', ssl: true } }),
    );
    expect(error?.code).toBe('LOCK_STORE_UNSUPPORTED');
    expect(error?.message).toContain('TLS does not come about');
  });

  it('a process lives until it is told that it is ready, and until it has its first lock, whatever its lease', async () => {
    expect(await runChild(server.url)).toBe('ready held');
  });

  it('a role whose transactions are serializable and whose statements are short is served all the same', async () => {
    await server.query(
      `CREATE ROLE strict LOGIN; ALTER ROLE strict SET default_transaction_isolation = 'serializable'; ALTER ROLE strict SET statement_timeout = '1ms'; ALTER ROLE strict SET default_transaction_read_only = on; ${postgresLockSchema().grants('strict')}`,
    );
    const locks = new LockManager({ store: postgresStore({ url: server.urlFor('strict') }) });
    expect(await locks.using('strict', () => 'worked')).toBe('worked');
    await locks.close();
  });

  it('too many connections: says what to raise, and waits for one to become free', async () => {
    await server.query(`CREATE ROLE few LOGIN CONNECTION LIMIT 0; ${postgresLockSchema().grants('few')}`);
    const { error } = await start(postgresStore({ url: server.urlFor('few'), commandMs: 500 }));
    expect(error?.code).toBe('LOCK_STORE_UNAVAILABLE');
    expect(error?.message).toContain('max_connections');
    const locks = new LockManager({ store: postgresStore({ url: server.urlFor('few') }) });
    const worked = locks.using('few', () => 'worked', { waitMs: 20_000 });
    await server.query('ALTER ROLE few CONNECTION LIMIT 10');
    expect(await worked).toBe('worked');
    await locks.close();
  });

  it('a kind of transaction that strands waiters is refused by the functions themselves', async () => {
    const failed = await failureOf(
      server.query(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT distributed_lock.acquire_v1('{a}','{o}','{1000}','{f}','{0}','{1}','{l}',0)",
      ),
    );
    expect((failed as { code?: string }).code).toBe('DLK01');
  });
});

describe('what postgresStore is given', () => {
  const refused = (options: unknown) => {
    try {
      postgresStore(options as PostgresStoreOptions);
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  const url = 'postgres://app:hunter2@db:5432/shop';

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /takes an object/],
    ['no place', {}, /exactly one of url, options, driver/],
    ['two places', { url, options: {} }, /exactly one of url, options, driver/],
    ['an unknown option', { url, ttl: 5 }, /option "ttl" is not known/],
    ['a schema that is no identifier', { url, schema: 'a.b' }, /schema must be a plain identifier.*a\.b/],
    ['a schema with SQL in it', { url, schema: 'x"; DROP TABLE y; --' }, /plain identifier/],
    ['another scheme', { url: 'mysql://db' }, /must begin with postgres:\/\//],
    ['a URL that is none', { url: 'postgres://app:p@ss:w/rd@db:x/y' }, /not shown/],
    ['a durability', { url, durability: 'maybe' }, /durability must be/],
    ['createSchema', { url, createSchema: true }, /createSchema must be/],
    ['connections', { url, connections: 0 }, /connections must be an integer from 1 to 20/],
    ['commandMs', { url, commandMs: 1 }, /commandMs must be an integer from 50/],
    [
      'a pool',
      { options: { query: () => undefined, connect: () => undefined } },
      /pool, client or query builder/,
    ],
    [
      'a client as driver',
      { driver: { query: () => undefined } },
      /driver must have kind, address and connect/,
    ],
    ['a promise', { options: Promise.resolve({}) }, /then\(\)/],
  ])('%s', (_what, options, said) => {
    expect(refused(options)).toMatch(said);
  });

  it('shows host, port and database, and no password', () => {
    const store = postgresStore({ url });
    expect(store.address).toBe('db:5432/shop');
    expect(refused({ url: `${url}#x` })).not.toContain('hunter2');
  });
});
