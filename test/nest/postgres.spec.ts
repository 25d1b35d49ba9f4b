import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { postgresStore } from '../../lib/stores/postgres/index.js';
import { DistributedLockModule, Locked } from '../../src/index.js';
import { makeLockSchema } from '../support/lock-schema.js';
import { type PostgresServer, startPostgres } from '../support/start-postgres.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const seats = { taken: 0 };

@Controller()
class SeatsController {
  @Get('groups/:groupId/join')
  @Locked('group:<groupId>')
  async join(@Param('groupId') _groupId: string): Promise<number> {
    const seen = seats.taken;
    await new Promise((resolve) => setImmediate(resolve));
    seats.taken = seen + 1;
    return seats.taken;
  }
}

/** An instance of the application, as a pod would be. */
async function instance() {
  @Module({
    imports: [DistributedLockModule.forRoot({ store: postgresStore({ url: server.url }) })],
    controllers: [SeatsController],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return { app, url: await app.getUrl() };
}

describe('DistributedLockModule.forRoot({ store: postgresStore(…) })', () => {
  it('without the schema the application does not start, and says what to run; with it, requests of two instances are locked', async () => {
    await expect(instance()).rejects.toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
      message: expect.stringContaining('postgresLockSchema') as unknown,
    });
    await makeLockSchema(server);
    const instances = [await instance(), await instance()];
    const requests = Array.from({ length: 40 }, (_, i) => fetch(`${instances[i % 2]!.url}/groups/7/join`));
    const answers = await Promise.all(requests);
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(seats.taken).toBe(40);
    await Promise.all(instances.map(({ app }) => app.close()));
  });
});
