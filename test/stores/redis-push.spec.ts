import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LockManager, redisStore } from '../../lib/index.js';
import { leastPrivilege } from '../support/least-privilege.js';
import { RedisFront } from '../support/redis-front.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';
import { startRedis } from '../support/start-redis.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

/** Makes a place in which grants cannot be pushed, and then an address for each process; what it needs is gone after the test. */
type Place = () => Promise<() => Promise<string>>;

/** As a user with these rights. */
function as(rights: readonly string[]): Place {
  return async () => {
    await bench.raw.acl('SETUSER', 'locker', 'reset', 'on', '>pw', ...rights);
    return async () => bench.url.replace('//', '//locker:pw@');
  };
}

async function withoutSubscribe() {
  const server = await startRedis({ args: ['--rename-command', 'SUBSCRIBE', ''] });
  bench.afterwards({ close: () => server.stop() });
  return async () => server.url;
}

async function front(): Promise<RedisFront> {
  const made = await RedisFront.listen(bench.server.port);
  bench.afterwards(made);
  return made;
}

/** A service that answers what reads, subscriptions among it, from a replica. `asOne`: and shows one server to the outside. */
function subscriptionsAtReplica({ asOne }: { asOne: boolean }): Place {
  return async () => {
    await bench.raw.config('SET', 'repl-diskless-sync-delay', '0');
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(bench.server.port)] });
    bench.afterwards({ close: () => replica.stop() });
    await eventually(async () => String(await bench.raw.info('replication')).includes('state=online'));
    const oneId = (text: string) => text.replace(/run_id:\w{40}/, `run_id:${'1'.repeat(40)}`);
    return async () => {
      const way = await front();
      way.route = (connection) => (connection === 0 ? undefined : replica.port);
      if (asOne) way.reply = (bytes) => Buffer.from(oneId(bytes.toString('latin1')), 'latin1');
      return way.url;
    };
  };
}

/** What is published never arrives. */
async function withoutMessages() {
  return async () => {
    const way = await front();
    way.reply = (bytes) => (bytes.includes('$7\r\nmessage\r\n') ? undefined : bytes);
    return way.url;
  };
}

async function open(url: string): Promise<{ locks: LockManager; warnings: string[] }> {
  const warnings: string[] = [];
  const locks = new LockManager({ store: redisStore({ url }), drainMs: 0, cohortMs: 0 });
  locks.on('warning', ({ message }) => warnings.push(message));
  bench.afterwards(locks);
  await locks.ready();
  return { locks, warnings };
}

describe('where grants cannot be pushed', () => {
  it.each<[string, Place, RegExp]>([
    [
      'the user may not ask who listens',
      as(leastPrivilege().filter((right) => right !== '+pubsub|numsub')),
      /does not say who listens \(grant \+pubsub\|numsub\)/,
    ],
    [
      'the user may not subscribe',
      as(leastPrivilege().filter((right) => right !== '+subscribe')),
      /lets nobody subscribe \(.*NOPERM/,
    ],
    ['the server does not know SUBSCRIBE', withoutSubscribe, /lets nobody subscribe \(.*unknown command/],
    [
      'subscriptions stand at a replica',
      subscriptionsAtReplica({ asOne: false }),
      /does not count our subscription/,
    ],
    [
      'subscriptions stand at a replica, and nothing shows it',
      subscriptionsAtReplica({ asOne: true }),
      /does not count our subscription/,
    ],
    ['what is published does not arrive', withoutMessages, /what is published does not arrive/],
  ])('because %s: locks work by polling, in order, and it is said once', async (_why, place, said) => {
    const address = await place();
    const processes = [await open(await address()), await open(await address()), await open(await address())];
    const [a, b, c] = processes.map(({ locks }) => locks) as [LockManager, LockManager, LockManager];
    const order: string[] = [];
    const tokens: number[] = [];
    const section = async (who: string, locks: LockManager): Promise<void> =>
      locks.using('group:1', async (lease) => {
        order.push(`${who} in`);
        tokens.push(lease.fencingToken);
        lease.assertHeld();
        await new Promise(setImmediate);
        order.push(`${who} out`);
      });
    const first = await a.acquire('group:1');
    const waits = [section('b', b)];
    await eventually(async () => (await a.inspect('group:1')).waitingProcesses === 1);
    waits.push(section('c', c));
    await eventually(async () => (await a.inspect('group:1')).waitingProcesses === 2);
    await first.release();
    await Promise.all(waits);
    expect(order).toEqual(['b in', 'b out', 'c in', 'c out']);
    expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
    expect(tokens[0]).toBeGreaterThan(first.fencingToken);
    for (const { warnings } of processes) expect(warnings).toEqual([expect.stringMatching(said)]);
  });
});
