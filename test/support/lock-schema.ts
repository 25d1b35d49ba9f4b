import type { OutsideProbe } from '../../lib/testing/index.js';
import { postgresLockSchema, type PostgresSchemaOptions } from '../../lib/stores/postgres/index.js';
import type { PostgresServer } from './start-postgres.js';
import pg from 'pg';

/** May do what the docs print, and nothing else. */
export const APP_ROLE = 'app';

/** Makes the lock schema as an operator does, and a user who may only use it. */
export async function makeLockSchema(
  server: PostgresServer,
  options: PostgresSchemaOptions = {},
): Promise<void> {
  const schema = postgresLockSchema(options);
  const role = `DO $$ BEGIN CREATE ROLE ${APP_ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;`;
  await server.query(`BEGIN; ${schema.up} ${role} ${schema.grants(APP_ROLE)} COMMIT;`);
}

/** Looks at the tables with a client of its own. */
export function tablesProbe(raw: pg.Client, prefix: string): OutsideProbe {
  const rows = async (text: string, ...values: unknown[]) =>
    (await raw.query<Record<string, string>>(text, values)).rows;
  return {
    ownerToken: async (name) => {
      const [row] = await rows(
        'SELECT owner FROM distributed_lock.hold WHERE name = $1',
        `${prefix}/${name}`,
      );
      return row?.['owner'] ?? null;
    },
    // A free name keeps its trace for keepMs: that is no leak.
    keys: async () => {
      const held = await rows(
        'SELECT name FROM distributed_lock.hold WHERE starts_with(name, $1) AND owner IS NOT NULL',
        `${prefix}/`,
      );
      const queued = await rows(
        'SELECT name FROM distributed_lock.queue WHERE starts_with(name, $1)',
        `${prefix}/`,
      );
      return [...held, ...queued].map(({ name }) => name!);
    },
    overwriteOwner: async (name) => {
      await rows(
        "UPDATE distributed_lock.hold SET owner = repeat('x', 22) WHERE name = $1",
        `${prefix}/${name}`,
      );
    },
    wipe: async () => {
      await rows('DELETE FROM distributed_lock.hold WHERE starts_with(name, $1)', `${prefix}/`);
      await rows('DELETE FROM distributed_lock.queue WHERE starts_with(name, $1)', `${prefix}/`);
    },
  };
}
