import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import { postgresStore } from '../../lib/stores/postgres/index.js';
import { storeContract } from '../../lib/testing/index.js';
import { inRealTime } from '../support/in-time.js';
import { APP_ROLE, makeLockSchema, tablesProbe } from '../support/lock-schema.js';
import { sideBySide } from '../support/side-by-side.js';
import { type PostgresServer, startPostgres } from '../support/start-postgres.js';

let server: PostgresServer;
let raw: pg.Client;
let cases = 0;

const newCase = it; // its cases are written elsewhere

beforeAll(async () => {
  server = await startPostgres();
  await makeLockSchema(server);
  raw = new pg.Client({ connectionString: server.url });
  await raw.connect();
});
afterAll(async () => {
  await raw.end();
  await server.stop();
});

storeContract({
  name: 'postgres, as a user with only the rights that the docs print',
  runner: sideBySide({ describe, it: (title, run) => newCase(title, inRealTime(run)) }),
  open: async () => ({
    prefix: `case${cases++}`,
    openStore: () => postgresStore({ url: server.urlFor(APP_ROLE), connections: 2 }),
    advance: (ms) => sleep(ms),
    close: async () => undefined,
  }),
  outside: ({ prefix }) => tablesProbe(raw, prefix),
});
