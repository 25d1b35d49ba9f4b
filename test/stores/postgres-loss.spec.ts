import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, within } from '../support/in-time.js';
import { makeLockSchema } from '../support/lock-schema.js';
import { PostgresPlace } from '../support/postgres-place.js';
import { type PostgresServer, startPostgres } from '../support/start-postgres.js';

let server: PostgresServer;
const place = new PostgresPlace(() => server.url);
const LONGEST_MS = 5_000;

/** All leases are short here, so that nobody has to wait for half a minute. */
beforeAll(async () => {
  server = await startPostgres();
  await makeLockSchema(server);
  await server.query('UPDATE distributed_lock.setting SET longest_lease_ms = $1', [LONGEST_MS]);
});
afterEach(() => place.close());
afterAll(() => server.stop());

const options = { leaseMs: LONGEST_MS };

describe('a server that crashes, with unlogged tables', () => {
  it('nobody is granted what another may still hold, who renews keeps it, and all goes on when the longest lease is over', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix, {}, options), await place.manager(prefix, {}, options)];
    const kept = await a.acquire('kept');
    const silent = await a.acquire('silent', { renew: false });
    await server.restart('SIGQUIT');
    expect(await server.query('SELECT 1 FROM distributed_lock.hold')).toEqual([]);

    await eventually(async () => (await b.tryAcquire('silent').catch(() => undefined)) === null);
    await kept.extend();
    expect([kept.state, silent.state]).toEqual(['held', 'held']);
    expect(await b.tryAcquire('kept')).toBeNull();
    const afterwards = b.acquire('silent', { waitMs: 30_000 });
    const next = b.acquire('kept', { waitMs: 30_000 });
    expect(await kept.release()).toBe('released');
    expect((await within(2_000, () => next)).fencingToken).toBeGreaterThan(kept.fencingToken);
    const lease = await afterwards;
    expect(silent.state).toBe('lost');
    expect(lease.fencingToken).toBeGreaterThan(silent.fencingToken);
  });

  it('a lease longer than any before is told to the server, on its disk, before it is granted', async () => {
    const locks = await place.manager(place.prefix(), {}, { leaseMs: 2 * LONGEST_MS });
    const [before] = await server.query('SELECT longest_lease_ms FROM distributed_lock.setting');
    await locks.acquire('long', { leaseMs: 4 * LONGEST_MS });
    const [after] = await server.query('SELECT longest_lease_ms FROM distributed_lock.setting');
    expect([Number(before?.['longest_lease_ms']), Number(after?.['longest_lease_ms'])]).toEqual([
      LONGEST_MS,
      4 * LONGEST_MS,
    ]);
  });
});

describe('a server that is restarted by its operator', () => {
  it('forgets nothing: the holder goes on, the waiter is served, and no name is closed', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix, {}, options), await place.manager(prefix, {}, options)];
    await a.using('first', () => undefined); // opens what an earlier crash had closed
    const lease = await a.acquire('x', { waitMs: 60_000 });
    const next = b.acquire('x', { waitMs: 60_000 });
    await eventually(async () => (await a.inspect('x')).waitingProcesses === 1);
    await server.restart('SIGINT');
    await eventually(
      () =>
        lease.extend().then(
          () => true,
          () => false,
        ),
      4_000,
    );
    expect(lease.state).toBe('held');
    expect(await lease.release()).toBe('released');
    await within(6_000, () => next);
  });
});

describe('logged tables', () => {
  it('a crash loses nothing and closes nothing', async () => {
    await using logged = await startPostgres();
    const its = new PostgresPlace(() => logged.url);
    await makeLockSchema(logged, { durability: 'logged' });
    const [a, b] = [await its.manager('p', {}, options), await its.manager('p', {}, options)];
    const lease = await a.acquire('x');
    await logged.restart('SIGQUIT');
    await eventually(async () => (await b.inspect('x').catch(() => undefined))?.held === true, 4_000);
    await within(4_000, () => b.using('another', () => undefined, { waitMs: 10_000 }));
    expect(await lease.release()).toBe('released');
    await its.close();
  });
});
