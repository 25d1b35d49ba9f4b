import { describeValue, LockUsageError } from '../../lock-errors.js';
import { SCHEMA_SQL } from './postgres-sql.generated.js';

/** The format of the tables that this release reads and writes. */
export const SCHEMA_FORMAT = 1;
export const DEFAULT_SCHEMA = 'distributed_lock';

/** Where the locks lie, and how they are kept. */
export interface PostgresSchemaOptions {
  /** The schema that holds tables and functions; a plain identifier of at most 48 characters; default `distributed_lock`. */
  schema?: string;
  /**
   * `unlogged` (default): nothing is written to the log of the server, which is fast; a crash or a fail-over empties the tables, which is seen, and
   * all names stay closed until the longest lease has run out. `logged`: a crash loses nothing, each change waits for the disk; a fail-over to
   * an asynchronous replica may lose the last grants without anybody noticing.
   */
  durability?: 'unlogged' | 'logged';
}

/** SQL for a migration, as text. */
export interface PostgresLockSchema {
  /** The format of the tables. */
  readonly version: number;
  /** Creates everything, or completes it; may be run again. One transaction is best. */
  readonly up: string;
  /** Removes everything, held locks too. */
  readonly down: string;
  /** What the user of the application needs, and nothing else: no rights on any table. @param role a plain identifier */
  grants(role: string): string;
}

/**
 * The schema of {@link postgresStore} as text, for any migration tool.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
export function postgresLockSchema(options: PostgresSchemaOptions = {}): PostgresLockSchema {
  const { schema = DEFAULT_SCHEMA, durability = 'unlogged' } = options;
  const quoted = quotedSchema(schema, 'postgresLockSchema');
  if (durability !== 'unlogged' && durability !== 'logged') {
    const message = `postgresLockSchema: durability must be 'unlogged' or 'logged', got ${describeValue(durability)}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', message);
  }
  return {
    version: SCHEMA_FORMAT,
    up: filled(quoted, schema, durability === 'logged' ? '' : 'UNLOGGED'),
    down: `DROP SCHEMA IF EXISTS ${quoted} CASCADE;`,
    grants: (role) => {
      const to = quotedIdentifier(role, 'postgresLockSchema: the role');
      return `GRANT USAGE ON SCHEMA ${quoted} TO ${to};\n${PUBLIC_FUNCTIONS.map((name) => `GRANT EXECUTE ON FUNCTION ${quoted}.${name} TO ${to};`).join('\n')}`;
    },
  };
}

/** What a store calls; the others are called by these, with their rights. */
const PUBLIC_FUNCTIONS = [
  'hello_v1',
  'enter_v1',
  'raise_v1',
  'acquire_v1',
  'release_v1',
  'yield_v1',
  'renew_v1',
  'force_v1',
  'inspect_v1',
  'forget_v1',
  'sweep_v1',
];

const NOW = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';
const DEFINER = 'SECURITY DEFINER SET search_path = pg_catalog, pg_temp';
const ONLY_READ_COMMITTED = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'locks need READ COMMITTED, and this transaction is %', current_setting('transaction_isolation') USING ERRCODE = 'DLK01';
  END IF;`;

function filled(quoted: string, schema: string, unlogged: string): string {
  const number = schemaNumber(schema);
  return SCHEMA_SQL.replaceAll('@schema@', quoted)
    .replaceAll('@unlogged@', unlogged)
    .replaceAll('@class@', String(number))
    .replaceAll('@channel@', channelOf(number))
    .replaceAll('@now@', NOW)
    .replaceAll('@definer@', DEFINER)
    .replaceAll('@only_read_committed@', ONLY_READ_COMMITTED);
}

function channelOf(number: number): string {
  return `lock_${number}_`;
}

/** Of a schema, for advisory locks and channels: FNV-1a, so that nobody's own small numbers are met by accident. */
function schemaNumber(schema: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`nestjs-distributed-lock:${schema}`))
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash >>> 1;
}

const PLAIN_IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_$]{0,47}$/;

/** @param place who was given it, for the message. @throws LockUsageError LOCK_OPTIONS_INVALID */
export function quotedSchema(schema: unknown, place: string): string {
  return quotedIdentifier(schema, `${place}: schema`);
}

function quotedIdentifier(name: unknown, place: string): string {
  if (typeof name === 'string' && PLAIN_IDENTIFIER.test(name)) return `"${name}"`;
  const message = `${place} must be a plain identifier (letters, digits, _ and $, at most 48, no dot), got ${describeValue(name)}`;
  throw new LockUsageError('LOCK_OPTIONS_INVALID', message);
}
