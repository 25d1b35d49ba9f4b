import { LockStoreError } from '../../lock-errors.js';
import { CallFailure } from '../mechanics/tries.js';
import type { PostgresLink } from './postgres-link.js';
import type { PostgresPlace } from './postgres-options.js';
import { postgresLockSchema, SCHEMA_FORMAT } from './postgres-schema.js';

/** What the lock schema says of itself and of its server. */
export interface Hello {
  readonly format: number;
  readonly longest_lease_ms: number;
  readonly class: number;
  readonly channel: string;
  /** 150004: 15.4. */
  readonly version: number;
  readonly isolation: string;
  readonly is_standby: boolean;
}

const OLDEST_VERSION = 14;
const MISSING = /^(3F000|42883|42P01)$/;

/**
 * Asks the schema who it is, and makes it when that was wished for.
 *
 * @throws CallFailure
 */
export async function helloOf(
  link: PostgresLink,
  place: PostgresPlace,
  leftMs: () => number,
): Promise<Hello> {
  try {
    return await hello(link, leftMs());
  } catch (failure) {
    const { cause } = failure instanceof CallFailure ? failure.error : { cause: undefined };
    if (!place.creates || !MISSING.test(String((cause as { code?: unknown } | undefined)?.code)))
      throw failure;
    await create(link, place, leftMs());
    return hello(link, leftMs());
  }
}

async function hello(link: PostgresLink, boundMs: number): Promise<Hello> {
  const { answer } = await link.call({ name: 'hello_v1', values: [], boundMs });
  return JSON.parse(answer ?? '{}') as Hello;
}

/** One transaction, one at a time: two processes may start together. */
async function create(link: PostgresLink, { schemaOptions }: PostgresPlace, boundMs: number): Promise<void> {
  const { up } = postgresLockSchema(schemaOptions);
  const guard =
    "SET LOCAL lock_timeout = '5s';\nSELECT pg_catalog.pg_advisory_xact_lock(hashtext('nestjs-distributed-lock'));";
  await link.script(`BEGIN;\n${guard}\n${up}\nCOMMIT;`, boundMs);
}

/** @throws LockStoreError LOCK_STORE_UNSUPPORTED, LOCK_STORE_READONLY */
export function checkServer({ format, version, isolation, is_standby }: Hello, where: string): void {
  if (is_standby)
    throw new LockStoreError('LOCK_STORE_READONLY', `${where} is a standby; locks need the primary`);
  const unsupported = (problem: string) =>
    new LockStoreError('LOCK_STORE_UNSUPPORTED', `${where} ${problem}`);
  if (Math.floor(version / 10_000) < OLDEST_VERSION)
    throw unsupported(`has version ${Math.floor(version / 10_000)}; ${OLDEST_VERSION} or newer is needed`);
  if (isolation !== 'read committed')
    throw unsupported(
      `begins transactions of this user with ${isolation}, in which waiters are not seen; ALTER ROLE … SET default_transaction_isolation = 'read committed'`,
    );
  if (format !== SCHEMA_FORMAT)
    throw unsupported(
      `has lock tables of format ${String(format)}; this release reads format ${SCHEMA_FORMAT}: finish the update of all processes`,
    );
}
