import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { PostgresDriver } from '../../lib/stores/postgres/index.js';
import { FaultProxy } from '../../lib/testing/index.js';
import { eventually, within } from '../support/in-time.js';
import { makeLockSchema } from '../support/lock-schema.js';
import { countingDriver, PostgresPlace, queued } from '../support/postgres-place.js';
import { type PostgresServer, startPostgres } from '../support/start-postgres.js';

let server: PostgresServer;
const place = new PostgresPlace(() => server.url);

beforeAll(async () => {
  server = await startPostgres();
  await makeLockSchema(server);
});
afterEach(() => place.close());
afterAll(() => server.stop());

const rows = async (prefix: string) =>
  (await server.query('SELECT name FROM distributed_lock.hold WHERE starts_with(name, $1)', [`${prefix}/`]))
    .length;

describe('what the PostgreSQL store sends', () => {
  it('a free lock is two statements, taken and given back; 64 at once are few more', async () => {
    const driver = countingDriver(server.url);
    const locks = await place.manager(place.prefix(), { driver });
    await locks.using('warm', () => undefined);
    driver.texts.length = 0;
    await locks.using('one', () => undefined);
    expect(driver.texts.map((text) => /\w+_v1/.exec(text)?.[0])).toEqual(['acquire_v1', 'release_v1']);
    driver.texts.length = 0;
    await Promise.all(Array.from({ length: 64 }, (_, i) => locks.using(`many:${i}`, () => undefined)));
    expect(driver.texts.length).toBeLessThan(20);
  });

  it('waiters that a push will reach ask nothing meanwhile, and 1 000 leases are renewed in a few statements', async () => {
    const prefix = place.prefix();
    const driver = countingDriver(server.url);
    const [holder, locks] = [await place.manager(prefix), await place.manager(prefix, { driver })];
    const leases = await Promise.all(Array.from({ length: 20 }, (_, i) => holder.acquire(`held:${i}`)));
    const waits = leases.map((_, i) => locks.acquire(`held:${i}`));
    await queued(holder, 'held:19');
    await sleep(300);
    driver.texts.length = 0;
    await sleep(1_000);
    expect(driver.texts.filter((text) => text.includes('_v1'))).toEqual([]);
    await Promise.all(leases.map((lease) => lease.release()));
    await Promise.all(waits);
    await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => locks.acquire(`mine:${i}`, { leaseMs: 1_500 })),
    );
    driver.texts.length = 0;
    await sleep(700); // one round of renewals, or two
    const renewals = driver.texts.filter((text) => text.includes('renew_v1')).length;
    expect(renewals).toBeGreaterThanOrEqual(1);
    expect(renewals).toBeLessThanOrEqual(12);
  });

  it('a process that neither waits nor holds stops listening, and hears again when it must', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix), await place.manager(prefix)];
    const listening = async () =>
      Number(
        (await server.query("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'"))[0]?.['n'],
      );
    await eventually(async () => (await listening()) === 0);
    const lease = await a.acquire('x');
    const next = b.acquire('x');
    await queued(a, 'x');
    await eventually(async () => (await listening()) >= 1);
    await lease.release();
    await within(1_000, () => next);
  });
});

describe('what is left behind', () => {
  it('a released name is forgotten when its trace is over, an abandoned one after its lease', async () => {
    const prefix = place.prefix();
    const locks = await place.manager(prefix, {}, { keepMs: 200 });
    await Promise.all(Array.from({ length: 50 }, (_, i) => locks.using(`churn:${i}`, () => undefined)));
    expect(await rows(prefix)).toBe(50);
    await eventually(async () => (await rows(prefix)) === 0, 2_000);
  });

  it('what dead processes left is swept by others: their holds, and their places in queues', async () => {
    const prefix = place.prefix();
    await server.query(
      `INSERT INTO distributed_lock.hold VALUES ($1, 1, 1, 'dead', 1, 1, true, ''), ($2, 1, 1, 'dead', 1, 1, true, '')`,
      [`${prefix}/alone`, `${prefix}/waited`],
    );
    const now = '(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';
    await server.query(
      `INSERT INTO distributed_lock.queue SELECT $1, 'dead too', 1, 1000, 99, 1, '' UNION ALL SELECT $2, 'lives', 1, 1000, 0, ${now}, ''`,
      [`${prefix}/alone`, `${prefix}/waited`],
    );
    expect(await server.query('SELECT distributed_lock.sweep_v1(1000000) AS swept')).toHaveLength(1);
    expect(await rows(prefix)).toBe(1);
    await server.query('DELETE FROM distributed_lock.queue');
    await server.query('SELECT distributed_lock.sweep_v1(1000000)');
    expect(await rows(prefix)).toBe(0);
  });
});

describe('who is gone', () => {
  it('a waiter that was killed is passed over in the release itself', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix), await place.manager(prefix)];
    const lease = await a.acquire('x');
    const dead = place.holder(prefix, 'x', 30_000);
    await queued(a, 'x');
    const next = b.acquire('x');
    await queued(a, 'x', 2);
    dead.kill('SIGKILL');
    await eventually(async () => {
      const [row] = await server.query("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'");
      return Number(row?.['n']) === 2;
    });
    await within(1_000, async () => {
      await lease.release();
      await next;
    });
  });

  it('a holder that is frozen past its lease is followed, learns that it lost, and its token is below the next', async () => {
    const prefix = place.prefix();
    const locks = await place.manager(prefix);
    const frozen = place.holder(prefix, 'x', 600);
    await eventually(() => frozen.said.some((line) => line.startsWith('held')));
    const next = locks.acquire('x', { waitMs: 20_000 });
    await queued(locks, 'x');
    frozen.kill('SIGSTOP');
    const lease = await within(2_000, () => next);
    frozen.kill('SIGCONT');
    await eventually(() => frozen.said.includes('lost'), 2_000);
    expect(lease.state).toBe('held');
    expect(lease.fencingToken).toBeGreaterThan(
      Number(frozen.said.find((line) => line.startsWith('held'))!.slice(5)),
    );
  });

  it('a waiter that is frozen when it is granted costs five seconds, not its lease', async () => {
    const prefix = place.prefix();
    const locks = await place.manager(prefix);
    const lease = await locks.acquire('x');
    const frozen = place.holder(prefix, 'x', 60_000);
    await queued(locks, 'x');
    frozen.kill('SIGSTOP');
    await lease.release();
    await within(8_000, () => locks.acquire('x', { waitMs: 20_000 }));
  });
});

describe('connections that break', () => {
  const terminate = (where: string) =>
    server.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nestjs-distributed-lock' AND ${where}`,
    );

  it('the listening one: it listens anew at once, and the next grant is pushed', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix), await place.manager(prefix)];
    const lease = await a.acquire('x');
    const next = b.acquire('x');
    await queued(a, 'x');
    const listens = async () => {
      const [row] = await server.query(
        `SELECT q.process FROM distributed_lock.queue AS q JOIN pg_locks AS l ON l.locktype = 'advisory' AND l.objid::bigint = q.process WHERE q.name = $1`,
        [`${prefix}/x`],
      );
      return Number(row?.['process'] ?? 0);
    };
    await eventually(async () => (await listens()) > 0);
    const before = await listens();
    await terminate("pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')");
    await eventually(async () => (await listens()) > before, 2_500);
    await within(1_000, async () => {
      await lease.release();
      await next;
    });
  });

  it('those for commands, idle and in flight: nobody is in the section twice, and nothing is thrown', async () => {
    const prefix = place.prefix();
    const crowd = [await place.manager(prefix), await place.manager(prefix), await place.manager(prefix)];
    let [inside, sections] = [0, 0];
    const fences: number[] = [];
    const endsAt = sleep(3_000);
    const over = { is: false };
    void endsAt.then(() => (over.is = true));
    const caller = async (locks: (typeof crowd)[number]) => {
      while (!over.is) {
        const section = async ({ fencingToken }: { fencingToken: number }) => {
          expect(++inside).toBe(1);
          fences.push(fencingToken);
          await sleep(1);
          inside -= 1;
          sections += 1;
        };
        await locks.using('x', section, { waitMs: 20_000 }).catch((error: Error & { code?: string }) => {
          expect(error.code).toMatch(/^LOCK_(STORE_UNAVAILABLE|LOST)/);
        });
      }
    };
    const callers = Promise.all(crowd.flatMap((locks) => [caller(locks), caller(locks)]));
    for (let round = 0; round < 6; round += 1) {
      await sleep(400);
      await terminate('true');
    }
    await callers;
    expect(sections).toBeGreaterThan(20);
    expect(fences).toEqual(fences.toSorted((a, b) => a - b));
  });

  it('a reply of COMMIT that gets lost: the same token is asked again, and answered the same', async () => {
    const prefix = place.prefix();
    const wire = await FaultProxy.listen({ host: '127.0.0.1', port: server.port });
    const url = `postgres://postgres@127.0.0.1:${wire.port}/postgres`;
    const locks = await place.manager(prefix, { url, commandMs: 400 });
    const other = await place.manager(prefix);
    await locks.using('warm', () => undefined);
    for (const step of ['acquire', 'release'] as const) {
      const lease = step === 'release' ? await locks.acquire('x') : undefined;
      wire.mode = 'drop-replies';
      const worked = step === 'acquire' ? locks.acquire('x', { waitMs: 5_000 }) : lease!.release();
      worked.catch(() => undefined);
      await sleep(150);
      wire.mode = 'pass'; // the connection that lost bytes is reset
      const outcome = await worked.catch((error: unknown) => error);
      if (step === 'acquire' && typeof outcome === 'object' && outcome !== null && 'release' in outcome)
        await (outcome as { release(): Promise<unknown> }).release();
      await eventually(async () => !(await other.isLocked('x')), 5_000);
    }
    await locks.close();
    await wire.close();
  });
});

describe('a transaction of the application that relies on a lock (FOR KEY SHARE on its row)', () => {
  it('renewals and waiters do not mind it; the name changes hands when it has ended', async () => {
    const prefix = place.prefix();
    const [a, b] = [await place.manager(prefix), await place.manager(prefix)];
    const lease = await a.acquire('x');
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT FROM distributed_lock.hold WHERE name = $1 FOR KEY SHARE', [`${prefix}/x`]);
    await lease.extend();
    let isGranted = false;
    const next = b.acquire('x').then((granted) => ((isGranted = true), granted));
    await queued(a, 'x');
    const released = lease.release();
    await sleep(300);
    expect(isGranted).toBe(false);
    await client.query('COMMIT');
    await client.end();
    expect(await released).toBe('released');
    await within(2_000, () => next);
  });
});

describe('many at once', () => {
  it('calls with the same names in opposite orders never wait for each other in a circle', async () => {
    const prefix = place.prefix();
    const names = Array.from({ length: 300 }, (_, i) => `${prefix}/n:${i}`);
    const clients = [0, 1, 2, 3].map(() => new pg.Client({ connectionString: server.url }));
    await Promise.all(clients.map((client) => client.connect()));
    const same = (value: string) => names.map(() => value);
    const take = async (client: pg.Client, who: number) => {
      const order = who % 2 === 0 ? names : names.toReversed();
      for (let round = 0; round < 8; round += 1) {
        await client.query(
          'SELECT distributed_lock.acquire_v1($1, $2, $3::bigint[], $4::boolean[], $5::bigint[], $6::bigint[], $7, 0)',
          [order, same(`owner${who}`), same('30000'), same('f'), same('0'), same('9'), same('')],
        );
        await client.query('SELECT distributed_lock.release_v1($1, $2, $3::bigint[], $4::bigint[], 1000)', [
          order,
          same(`owner${who}`),
          same('0'),
          same('0'),
        ]);
      }
    };
    await expect(Promise.all(clients.map(take))).resolves.toHaveLength(4);
    await Promise.all(clients.map((client) => client.end()));
  });
});

describe('behind something like a pooler in transaction mode', () => {
  /** It takes no settings, and keeps notices back. */
  const poolerLike = (): PostgresDriver => {
    const driver = countingDriver(server.url);
    return {
      ...driver,
      connect: (wanted) => {
        if (Object.keys(wanted.settings).length === 0)
          return driver.connect({ ...wanted, onNotice: () => undefined });
        const refusal = new Error('unsupported startup parameter: options');
        return Promise.reject(Object.assign(refusal, { severity: 'FATAL', code: '08P01' }));
      },
    };
  };

  it('a warning says once that nothing is pushed, and waiters get their locks by asking', async () => {
    const prefix = place.prefix();
    place.warnings.length = 0;
    const [a, b] = [
      await place.manager(prefix, { driver: poolerLike() }),
      await place.manager(prefix, { driver: poolerLike() }),
    ];
    expect(place.warnings.map((warning) => /pooler/.test(warning))).toEqual([true, true]);
    const lease = await a.acquire('x');
    const next = b.acquire('x');
    await queued(a, 'x');
    await lease.release();
    const granted = await within(2_000, () => next);
    expect(granted.fencingToken).toBeGreaterThan(lease.fencingToken);
    await granted.release();
    await Promise.all([a, b].map((locks) => locks.using('hot', () => undefined)));
    expect(place.warnings).toHaveLength(2);
  });
});
