import { describeKind, describeValue, keepSecret, LockUsageError } from '../../lock-errors.js';
import { pgDriver } from './pg-driver.js';
import type { PostgresDriver } from './postgres-driver.js';
import { DEFAULT_SCHEMA, type PostgresSchemaOptions, quotedSchema } from './postgres-schema.js';

/** What `postgresStore` takes: exactly one of `url`, `options` and `driver` says where the server is. */
export interface PostgresStoreOptions extends PostgresSchemaOptions {
  /** `postgres://user:password@host:port/database`. The store opens connections of its own, at most `connections` and one more. */
  url?: string;
  /**
   * Options of `Client` of the package pg, when a URL does not say enough: `{ connectionString, ssl: { ca }, password: () => … }`. A function
   * for the password is asked for each new connection. What a lock needs is set over them.
   */
  options?: Readonly<Record<string, unknown>>;
  /** Another client than `pg`. */
  driver?: PostgresDriver;
  /** For pushes, where commands go through a pooler: the URL of the server itself. Default: as the commands. */
  listenUrl?: string;
  /**
   * `check` (default): a schema that is missing is an error that says how to make it. `create`: it is made at the first start, and needs the right to create a
   * schema in this database.
   */
  createSchema?: 'check' | 'create';
  /** Connections for commands, 1 to 20; default 3; opened when they are needed. One more listens while somebody waits. */
  connections?: number;
  /** false: nothing is pushed, waiters ask four times a second. Default true; found out at the start where it does not work. */
  push?: boolean;
  /**
   * How long one command may take before it counts as failed, in ms; 50 to 60 000; default 2 000. Lower finds a dead server sooner,
   * higher forgives a slow one.
   */
  commandMs?: number;
}

/** The same, checked. */
export interface PostgresPlace {
  readonly driver: PostgresDriver;
  readonly listenDriver: PostgresDriver;
  readonly schemaOptions: Required<PostgresSchemaOptions>;
  /** Quoted. */
  readonly schema: string;
  readonly creates: boolean;
  readonly connections: number;
  readonly push: boolean;
  readonly commandMs: number;
}

const KNOWN = [
  'url',
  'options',
  'driver',
  'listenUrl',
  'schema',
  'durability',
  'createSchema',
  'connections',
  'push',
  'commandMs',
];

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function postgresPlace(given: PostgresStoreOptions): PostgresPlace {
  if (typeof given !== 'object' || given === null)
    throw invalid(`takes an object: { url }, { options } or { driver }, got ${describeKind(given)}`);
  const surplus = Object.keys(given).find((key) => !KNOWN.includes(key));
  if (surplus !== undefined) throw invalid(`option "${surplus}" is not known; known: ${KNOWN.join(', ')}`);
  const { schema = DEFAULT_SCHEMA, durability = 'unlogged', createSchema = 'check', push = true } = given;
  const { connections = 3, commandMs = 2_000 } = given;
  const quoted = quotedSchema(schema, 'postgresStore');
  oneOf('durability', durability, ['unlogged', 'logged']);
  oneOf('createSchema', createSchema, ['check', 'create']);
  oneOf('push', push, [true, false]);
  whole('connections', connections, { least: 1, most: 20 });
  whole('commandMs', commandMs, { least: 50, most: 60_000 });
  const driver = driverOf(given);
  return {
    driver,
    listenDriver: given.listenUrl === undefined ? driver : urlDriver(given.listenUrl, 'listenUrl'),
    schemaOptions: { schema, durability },
    schema: quoted,
    creates: createSchema === 'create',
    connections,
    push,
    commandMs,
  };
}

function driverOf({ url, options, driver }: PostgresStoreOptions): PostgresDriver {
  if ([url, options, driver].filter((one) => one !== undefined).length !== 1)
    throw invalid('give exactly one of url, options, driver');
  if (url !== undefined) return urlDriver(url, 'url');
  if (driver !== undefined) return checkedDriver(driver);
  return optionsDriver(options);
}

function checkedDriver(driver: unknown): PostgresDriver {
  const { kind, address, connect } = (driver ?? {}) as Record<string, unknown>;
  if (typeof kind === 'string' && typeof address === 'string' && typeof connect === 'function')
    return driver as PostgresDriver;
  throw invalid(
    `driver must have kind, address and connect() (see PostgresDriver), got ${describeKind(driver)}; a pool or client of pg, a DataSource or a ` +
      'knex instance is none: the store opens connections of its own, give url or options',
  );
}

function optionsDriver(options: unknown): PostgresDriver {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw invalid(`options must be options of pg's Client, got ${describeKind(options)}`);
  const given = options as Record<string, unknown>;
  const method = ['query', 'connect', 'then', 'raw', 'unsafe'].find(
    (name) => typeof given[name] === 'function',
  );
  if (method !== undefined)
    throw invalid(
      `options must be options of pg's Client, got an object with ${method}(): a pool, client or query builder; the store opens connections of ` +
        'its own, give what that one was made of',
    );
  if (typeof given['password'] === 'string' && given['password'] !== '') keepSecret(given['password']);
  const { connectionString } = given;
  if (connectionString !== undefined) {
    const { address } = parsed(connectionString, 'options.connectionString');
    return pgDriver(given, address);
  }
  const text = (name: string, otherwise: string) => {
    const value = given[name];
    return typeof value === 'string' && /^[\w.:/-]+$/.test(value) ? value : otherwise;
  };
  const port = Number(given['port'] ?? 5432);
  return pgDriver(
    given,
    `${text('host', given['host'] === undefined ? 'localhost' : '(host not shown)')}:${port}/${text('database', '(default)')}`,
  );
}

function urlDriver(url: unknown, place: string): PostgresDriver {
  return pgDriver({ connectionString: url }, parsed(url, place).address);
}

/** Nothing of a URL is shown that is not known to be harmless: whatever is wrong with it, a part of it may be a password. */
function parsed(url: unknown, place: string): { readonly address: string } {
  const bad = (problem: string) =>
    invalid(`${place} ${problem} (what was given is not shown: it may hold a password)`);
  if (typeof url !== 'string') throw invalid(`${place} must be a text, got ${describeKind(url)}`);
  if (!/^postgres(ql)?:\/\//.test(url)) throw bad('must begin with postgres:// or postgresql://');
  let found: URL;
  try {
    found = new URL(url);
  } catch {
    throw bad(
      'is none: postgres://user:password@host:port/database is expected; in a password / is written %2F, # %23, ? %3F, % %25, @ %40',
    );
  }
  const { username, password, hostname, port, pathname, hash } = found;
  if (hash !== '') throw bad('has a # in it, which is written %23');
  if (password !== '') {
    keepSecret(password);
    keepSecret(decoded(password, bad));
  } else if (username !== '' && hostname === '') throw bad('has no host');
  return { address: `${hostname || 'localhost'}:${port || 5432}${pathname === '/' ? '' : pathname}` };
}

function decoded(text: string, bad: (problem: string) => LockUsageError): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad('has a % in it that begins no two hex digits; a % in a password is written %25');
  }
}

function oneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw invalid(
    `${name} must be ${allowed.map((one) => describeValue(one)).join(' or ')}, got ${describeValue(value)}`,
  );
}

function whole(name: string, value: unknown, { least, most }: { least: number; most: number }): void {
  if (Number.isInteger(value) && Number(value) >= least && Number(value) <= most) return;
  throw invalid(`${name} must be an integer from ${least} to ${most}, got ${describeValue(value)}`);
}

function invalid(problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `postgresStore: ${problem}`);
}
