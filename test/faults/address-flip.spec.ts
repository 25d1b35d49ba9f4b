import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type Lease, LockManager, redisStore } from '../../lib/index.js';
import { RedisFront } from '../support/redis-front.js';
import { eventually } from '../support/redis-workbench.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

/** More than a store follows an address that leads to two places at once. For docs/evidence.md: ADDRESS_FLIPS=100 */
const FLIPS = Number(process.env['ADDRESS_FLIPS'] ?? 12);

/**
 * A replica is promoted, the old primary becomes its replica, the address leads to the new one, and no connection is closed: what
 * managed services do. Subscriptions live on at the old server, where they hear what is published at the new one.
 */
class Pair {
  readonly #servers: RedisServer[] = [];
  readonly #admins: Redis[] = [];
  #front!: RedisFront;
  #primary = 0;

  async start(): Promise<void> {
    const args = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];
    this.#servers.push(await startRedis({ args }), await startRedis({ args }));
    this.#admins.push(...this.#servers.map(({ url }) => new Redis(url)));
    await this.#follow(1, 0);
    this.#front = await RedisFront.listen(this.#servers[0]!.port);
  }

  get url(): string {
    return this.#front.url;
  }

  async flip(): Promise<void> {
    const [old, next] = [this.#primary, 1 - this.#primary];
    await this.#admins[next]!.replicaof('NO', 'ONE');
    this.#primary = next;
    this.#front.target = this.#servers[next]!.port;
    await this.#follow(old, next);
  }

  /** How many processes listen where their commands are executed. */
  async listeners(): Promise<number> {
    return ((await this.#admins[this.#primary]!.pubsub('CHANNELS', '*')) as unknown[]).length;
  }

  async stop(): Promise<void> {
    this.#front.close();
    for (const admin of this.#admins) admin.disconnect();
    for (const server of this.#servers) await server.stop();
  }

  async #follow(replica: number, primary: number): Promise<void> {
    await this.#admins[replica]!.replicaof('127.0.0.1', this.#servers[primary]!.port);
    await eventually(async () =>
      String(await this.#admins[replica]!.info('replication')).includes('master_link_status:up'),
    );
  }
}

const pair = new Pair();
const processes: LockManager[] = [];
beforeAll(async () => {
  await pair.start();
}, 60_000);
afterEach(async () => {
  await Promise.all(processes.splice(0).map((locks) => locks.close()));
});
afterAll(() => pair.stop());

async function open(): Promise<LockManager> {
  const locks = new LockManager({ store: redisStore({ url: pair.url }), drainMs: 0, cohortMs: 0 });
  processes.push(locks);
  await locks.ready();
  return locks;
}

/** Its commands stand where the address leads: the first ones after a flip are refused by what is a replica now. */
async function arrive(locks: LockManager): Promise<void> {
  await eventually(() => locks.using('arrive', () => true).catch(() => false), 20_000);
}

interface Got {
  readonly lease: Lease;
  readonly afterMs: number;
}

/** A holds; B and C wait, in this order; A releases. Everybody who is served goes on holding for as long as anybody could overlap. */
async function handOver(name: string, flipsWhileWaiting: boolean): Promise<Got[]> {
  const [a, b, c] = processes as [LockManager, LockManager, LockManager];
  const options = { leaseMs: 20_000, waitMs: 30_000 };
  const held = await a.acquire(name, options);
  let releasedAt = Infinity;
  const got: Got[] = [];
  const wait = async (locks: LockManager): Promise<void> => {
    const lease = await locks.acquire(name, options);
    got.push({ lease, afterMs: performance.now() - releasedAt });
  };
  const waits = [wait(b)];
  await eventually(async () => (await a.inspect(name)).waitingProcesses === 1);
  waits.push(wait(c));
  await eventually(async () => (await a.inspect(name)).waitingProcesses === 2);
  if (flipsWhileWaiting) {
    await pair.flip();
    await arrive(a);
  }
  releasedAt = performance.now();
  await held.release();
  await Promise.race(waits);
  await a.inspect(name); // whatever the same release published has arrived
  await new Promise((resolve) => setTimeout(resolve, 100));
  const atOnce = [...got];
  await got[0]!.lease.release();
  await Promise.all(waits);
  await got[1]!.lease.release();
  expect(atOnce).toHaveLength(1);
  return got;
}

describe('an address that leads to the other server of a pair from now on, with no connection closed', () => {
  it(`gives no lock and no token to two, and waiters are served at once: ${FLIPS} flips`, async () => {
    for (let i = 0; i < 3; i++) await open();
    let longestMs = 0;
    for (let flip = 0; flip < FLIPS; flip++) {
      await pair.flip();
      for (const locks of processes) await arrive(locks);
      const [first, second] = await handOver(`group:${flip}`, false);
      expect(second!.lease.fencingToken).toBeGreaterThan(first!.lease.fencingToken);
      longestMs = Math.max(longestMs, first!.afterMs);
      await eventually(async () => (await pair.listeners()) === processes.length); // subscriptions have followed
    }
    if (process.env['ADDRESS_FLIPS'] !== undefined)
      console.log(`${FLIPS} flips, longest wait ${longestMs} ms`);
    expect(longestMs).toBeLessThan(1_000);
  }, 600_000);

  it('wakes those who waited before it: they need not sleep until their next poll', async () => {
    for (let i = 0; i < 3; i++) await open();
    const [first, second] = await handOver('queued before', true);
    expect(second!.lease.fencingToken).toBeGreaterThan(first!.lease.fencingToken);
    expect(first!.afterMs).toBeLessThan(1_000);
  }, 60_000);
});
