export { postgresStore } from './postgres-store.js';
export type { PostgresStoreOptions } from './postgres-options.js';
export {
  postgresLockSchema,
  type PostgresLockSchema,
  type PostgresSchemaOptions,
} from './postgres-schema.js';
export type {
  PostgresConnection,
  PostgresDriver,
  PostgresSocket,
  PostgresStatement,
  PostgresWanted,
} from './postgres-driver.js';
