import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { type LockManager, type RedisStoreOptions } from '../../lib/index.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';
import { GateProcess } from '../support/gate-process.js';
import { SCRIPTS_OF_0_1_0 } from './formats/scripts-of-0.1.0.js';
import { asAnsweredBy010, asSentBy010 } from './formats/wire-of-0.1.0.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

type ScriptName = keyof typeof SCRIPTS_OF_0_1_0;

/**
 * A client through which a store sends what release 0.1.0 sends: its scripts, with its arguments. But for the start-up check, which is
 * nobody else's business.
 */
function ofRelease010(): RedisStoreOptions {
  const wrapped = (client: Redis): Redis =>
    new Proxy(client, {
      get: (_target, property) => {
        const special: Record<string, unknown> = {
          duplicate: (override?: object) => wrapped(client.duplicate(override)),
          subscribe: (channel: string) => client.subscribe(unmarked(channel)),
          unsubscribe: (channel: string) => client.unsubscribe(unmarked(channel)),
          evalsha: (id: string, ...call: Sent) =>
            inOldWords(id, call, (script, old) => client.evalsha(script.sha, ...old)),
          eval: (id: string, ...call: Sent) =>
            inOldWords(id, call, (script, old) => client.eval(script.text, ...old)),
        };
        const value: unknown = special[String(property)] ?? Reflect.get(client, property, client);
        return typeof value === 'function' ? (value.bind(client) as unknown) : value;
      },
    });
  const client = new Redis(bench.url, { lazyConnect: true });
  bench.afterwards({ close: () => client.disconnect() });
  return { client: wrapped(client) };
}

/** Its channels have no mark: it knows no general gate. */
const unmarked = (text: string) => text.replace(':c:~', ':c:');

type Sent = [keys: number, ...keysAndArguments: string[]];
type OldScript = Readonly<Record<'sha' | 'text', string>>;

async function inOldWords(
  id: string,
  [count, ...given]: Sent,
  send: (script: OldScript, call: Sent) => Promise<unknown>,
): Promise<unknown> {
  const [name, script] = Object.entries(SCRIPTS).find(([, { sha, text }]) => sha === id || text === id)!;
  const { keys, args } = asSentBy010(name, {
    keys: given.slice(0, count),
    args: given.slice(count).map(unmarked),
  });
  const old = name === 'probe' ? script : SCRIPTS_OF_0_1_0[name as ScriptName];
  return asAnsweredBy010(name, await send(old, [keys.length, ...keys, ...args]));
}

const RELEASES: Record<string, () => Promise<LockManager>> = {
  'release 0.1.0': () => bench.manager({ cohortMs: 0 }, ofRelease010()),
  'this release': () => bench.manager({ cohortMs: 0 }),
};

const STATE = 'lock:{group:1}';

describe('release 0.1.0 and this one side by side, as in a rolling deploy', () => {
  it.each([
    ['release 0.1.0', 'this release'],
    ['this release', 'release 0.1.0'],
  ])('a lock of %s is passed on to a waiter of %s, by push and with a larger token', async (from, to) => {
    const [a, b] = [await RELEASES[from]!(), await RELEASES[to]!()];
    const held = await a.acquire('group:1', { leaseMs: 60_000 });
    const waiting = b.acquire('group:1', { leaseMs: 60_000 });
    await bench.queued('group:1');
    await held.release();
    const next = await waiting;
    expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
    await next.extend();
    expect(await next.release()).toBe('released');
  });

  it('never has two in one section, loses no update, serves everybody, and their tokens go up', async () => {
    const processes = await Promise.all(
      [0, 1, 2, 3].map((i) => RELEASES[i % 2 === 0 ? 'release 0.1.0' : 'this release']!()),
    );
    let [inside, most, sections] = [0, 0, 0];
    const tokens: number[] = [];
    const section = (locks: LockManager) =>
      locks.using('group:1', async (lease) => {
        most = Math.max(most, ++inside);
        tokens.push(lease.fencingToken);
        const read = sections;
        await new Promise(setImmediate);
        sections = read + 1;
        inside -= 1;
      });
    await Promise.all(processes.flatMap((locks) => Array.from({ length: 50 }, () => section(locks))));
    expect({ most, sections }).toEqual({ most: 1, sections: 200 });
    expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
  });
});

/** What a later release may have written; see state.lua for what it must look like. */
const LATER = `v3:h${'1795132800000000'.repeat(3)}somebody`;

const OPERATIONS: Record<string, (locks: LockManager) => Promise<unknown>> = {
  'acquire, which waits': (locks) => locks.acquire('group:1', { waitMs: 60_000 }),
  'acquire, which does not wait': (locks) => locks.acquire('group:1', { waitMs: 0 }),
  tryAcquire: (locks) => locks.tryAcquire('group:1'),
  inspect: (locks) => locks.inspect('group:1'),
  forceRelease: (locks) => locks.forceRelease('group:1', 'by hand'),
};

describe.each(Object.entries(RELEASES))('%s beside a lock in a later format', (release, open) => {
  const said =
    release === 'this release'
      ? {
          code: 'LOCK_STORE_UNSUPPORTED',
          message: expect.stringMatching(/later release, in format 3; this one reads formats 1 and 2/),
        }
      : { code: 'LOCK_KEY_CONFLICT' };

  it.each(Object.entries(OPERATIONS))(
    '%s refuses it at once, and changes nothing',
    async (_what, operation) => {
      const locks = await open();
      await bench.raw.set(STATE, LATER, 'PX', 60_000);
      await bench.raw.zadd(`${STATE}:q2`, 1, 'a waiter of the later release');
      await expect(operation(locks)).rejects.toMatchObject(said);
      expect(await bench.raw.get(STATE)).toBe(LATER);
      expect(await bench.raw.zrange(`${STATE}:q2`, '0', '-1')).toEqual(['a waiter of the later release']);
      expect(await bench.raw.exists(`${STATE}:q`)).toBe(0);
      expect(await bench.raw.pttl(STATE)).toBeGreaterThan(50_000);
    },
  );

  it('which has taken the place of its own: the holder learns that it is lost, and its release leaves the other alone', async () => {
    const locks = await open();
    const lease = await locks.acquire('group:1', { leaseMs: 20_000 });
    await bench.raw.set(STATE, LATER, 'PX', 60_000);
    await expect(lease.extend()).rejects.toMatchObject({ code: 'LOCK_LOST' });
    expect(lease.state).toBe('lost');
    expect(await lease.release()).toBe('lost');
    expect(await bench.raw.get(STATE)).toBe(LATER);
  });

  it('whose waiters are queued elsewhere, once it is free: takes the lock, and leaves their queue alone', async () => {
    const locks = await open();
    await bench.raw.zadd(`${STATE}:q2`, 1, 'a waiter of the later release');
    const lease = await locks.acquire('group:1');
    expect(await lease.release()).toBe('released');
    await eventually(async () => (await bench.raw.get(STATE))?.startsWith('f') === true);
    expect(await bench.raw.zcard(`${STATE}:q2`)).toBe(1);
  });
});

describe('the new kinds of lock beside release 0.1.0, as in a rolling deploy', () => {
  const shared = { mode: 'shared', wait: true } as const;
  const open = () => {
    const process = new GateProcess({ url: bench.url });
    bench.afterwards(process);
    return process;
  };
  const refused = { code: 'LOCK_STORE_UNSUPPORTED', message: expect.stringMatching(/older release/) };

  it.each([
    ['shared', shared],
    ['limited', { limit: 2, wait: true }],
  ] as const)(
    'a %s one is refused while it holds the lock or waits for it, and breaks neither',
    async (_kind, asked) => {
      const [old, process] = [await RELEASES['release 0.1.0']!(), open()];
      const lease = await old.acquire('group:1', { leaseMs: 20_000 });
      const state = await bench.raw.get(STATE);
      await expect(process.ask('group:1', asked)).rejects.toMatchObject(refused);
      expect(await bench.raw.get(STATE)).toBe(state);
      await lease.extend();
      expect(await lease.release()).toBe('released');

      const mine = await process.take('group:1');
      const theirs = old.acquire('group:1', { leaseMs: 20_000 });
      await bench.queued('group:1');
      await expect(process.ask('group:1', asked)).rejects.toMatchObject(refused);
      await process.release(mine.hold);
      expect(await (await theirs).release()).toBe('released');
    },
  );

  it('are refused by it once somebody has one, and it changes nothing', async () => {
    const [old, process] = [await RELEASES['release 0.1.0']!(), open()];
    const reader = await process.take('group:1', shared);
    const state = await bench.raw.get(STATE);
    for (const operation of Object.values(OPERATIONS))
      await expect(operation(old)).rejects.toMatchObject({ code: 'LOCK_KEY_CONFLICT' });
    expect(await bench.raw.get(STATE)).toBe(state);
    expect(await bench.raw.exists(`${STATE}:q`)).toBe(0);
    expect(await process.renew(reader.hold)).toBe('renewed');
    expect(await process.release(reader.hold)).toBe('released');
    const lease = await old.acquire('group:1');
    expect(lease.fencingToken).toBeGreaterThan(reader.hold.fencingToken);
  });
});
