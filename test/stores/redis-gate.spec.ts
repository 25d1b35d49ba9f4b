import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisStoreOptions } from '../../lib/index.js';
import { systemRandomness } from '../../lib/runtime/owner-token.js';
import { Stop } from '../../lib/runtime/stop-signal.js';
import type { AcquireRequest, Grant } from '../../lib/stores/lock-store.js';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { failureOf } from '../support/failure-of.js';
import { GateProcess } from '../support/gate-process.js';
import { gateRights, leastPrivilege } from '../support/least-privilege.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  // So that every script goes out with its short name, by which a test knows it.
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const NAME = 'group:1';
const STATE = `lock:{${NAME}}`;
const shared = { mode: 'shared' } as const;
const upgradeable = { mode: 'upgradeable' } as const;
const WAIT = { wait: true } as const;

function open(connection: RedisStoreOptions = { url: bench.url }): GateProcess {
  const process = new GateProcess(connection);
  bench.afterwards(process);
  return process;
}

/** As a user who may do what the docs name, but for these. */
async function openAs(user: string, without: readonly string[]): Promise<GateProcess> {
  const rights = [...leastPrivilege(), ...gateRights()].filter((right) => !without.includes(right));
  await bench.raw.acl('SETUSER', user, 'on', '>secret', ...rights);
  return open({ url: bench.url.replace('redis://', `redis://${user}:secret@`) });
}

/** Until so many wait at the gate. */
const queued = (count: number) => eventually(async () => (await bench.raw.zcard(`${STATE}:q2`)) === count);
const keysLeft = async () => (await bench.raw.keys(`${STATE}*`)).toSorted();
const settled = async (promise: Promise<unknown>) => {
  const none = Symbol('not yet');
  return (
    (await Promise.race([promise, new Promise((resolve) => setImmediate(() => resolve(none)))])) !== none
  );
};
const tokenOf = ({ hold }: Grant) => hold.fencingToken;

const CONNECTIONS: Record<string, () => Promise<GateProcess>> = {
  'with push': async () => open(),
  'by polling': () => openAs('poller', ['+pubsub|numsub']),
};

describe.each(Object.entries(CONNECTIONS))('shared and exclusive over two processes, %s', (_how, connect) => {
  it('readers hold together, each with a larger token; a writer waits for all of them, and newcomers behind it', async () => {
    const [a, b] = [await connect(), await connect()];
    const first = await a.take(NAME, shared);
    const second = await b.take(NAME, shared);
    expect(tokenOf(second)).toBeGreaterThan(tokenOf(first));
    const writer = a.take(NAME, WAIT);
    await queued(1);
    const third = b.take(NAME, { ...shared, ...WAIT });
    await queued(2);
    expect((await b.ask(NAME, shared)).outcome).toBe('busy');
    expect(await a.release(first.hold)).toBe('released');
    expect(await settled(writer)).toBe(false);
    expect(await b.release(second.hold)).toBe('released');
    const wrote = await writer;
    expect(tokenOf(wrote)).toBeGreaterThan(tokenOf(second));
    expect(await settled(third)).toBe(false);
    await a.renew(wrote.hold);
    expect(await a.release(wrote.hold)).toBe('released');
    const read = await third;
    expect(tokenOf(read)).toBeGreaterThan(tokenOf(wrote));
    expect(await b.release(read.hold)).toBe('released');
    expect(await keysLeft()).toEqual([STATE]);
    expect(await bench.raw.get(STATE)).toMatch(/^f\d{32}$/);
  });

  it('readers behind a writer enter together when it ends', async () => {
    const [a, b] = [await connect(), await connect()];
    const writer = await a.take(NAME);
    const readers = [a, b, a].map((process) => process.take(NAME, { ...shared, ...WAIT }));
    await queued(3);
    await a.release(writer.hold);
    const tokens = (await Promise.all(readers)).map(tokenOf);
    expect(new Set(tokens).size).toBe(3);
    expect((await a.store.inspect(NAME)).holders).toHaveLength(3);
  });

  it('an upgrade waits for the other readers, keeps new ones out, and has a token above all of theirs', async () => {
    const [a, b] = [await connect(), await connect()];
    const mine = await a.take(NAME, upgradeable);
    const before = tokenOf(mine);
    const reader = await b.take(NAME, shared);
    expect((await b.ask(NAME, upgradeable)).outcome).toBe('busy');
    const upgrade = a.store.upgrade!(mine.hold, { wait: true }, new Stop());
    await queued(1);
    const late = b.take(NAME, { ...shared, ...WAIT });
    await queued(2);
    await b.release(reader.hold);
    expect(await upgrade).toMatchObject({ outcome: 'granted' });
    expect(tokenOf(mine)).toBeGreaterThan(Math.max(before, tokenOf(reader)));
    expect((await a.store.inspect(NAME)).mode).toBe('exclusive');
    await a.renew(mine.hold);
    await a.store.downgrade!(mine.hold);
    expect(tokenOf(await late)).toBeGreaterThan(tokenOf(mine));
    expect((await a.store.inspect(NAME)).mode).toBe('shared');
    expect(await a.release(mine.hold)).toBe('released');
  });

  it('permits up to a limit are held at once, and a heavy request is not overtaken', async () => {
    const [a, b] = [await connect(), await connect()];
    const one = await a.take(NAME, { limit: 3, weight: 2 });
    const heavy = b.take(NAME, { limit: 3, weight: 3, ...WAIT });
    await queued(1);
    expect((await a.ask(NAME, { limit: 3 })).outcome).toBe('busy'); // one permit is free, and not its turn
    await a.release(one.hold);
    expect(await b.release((await heavy).hold)).toBe('released');
    expect(await keysLeft()).toEqual([STATE]);
  });
});

describe('four processes with readers and writers all at once', () => {
  /** In real time, over gates that open and close all along; `kinds`: what each process asks for, in turn. */
  async function rush(kinds: readonly (Partial<AcquireRequest> & { readonly upgrade?: boolean })[]) {
    const processes = [open(), open(), open(), open()];
    const inside = { readers: 0, writers: 0, permits: 0 };
    const seen = { together: 0, wrong: 0, sections: 0, highest: 0 };
    const section = async (process: GateProcess, { upgrade = false, ...asked }: (typeof kinds)[number]) => {
      const { hold } = await process.take(NAME, { ...asked, ...WAIT });
      const what = asked.limit !== undefined ? 'permits' : asked.mode === 'exclusive' ? 'writers' : 'readers';
      const enter = (kind: keyof typeof inside) => {
        inside[kind] += asked.weight ?? 1;
        const others = inside.readers + inside.permits;
        seen.together = Math.max(seen.together, others);
        if (inside.writers > 1 || (inside.writers > 0 && others > 0) || inside.permits > 3) seen.wrong += 1;
        if (kind === 'writers' && hold.fencingToken <= seen.highest) seen.wrong += 1;
        seen.highest = Math.max(seen.highest, hold.fencingToken);
      };
      const leave = (kind: keyof typeof inside) => (inside[kind] -= asked.weight ?? 1);
      enter(what);
      await bench.raw.ping(); // some part of a millisecond
      leave(what);
      if (upgrade) {
        await process.store.upgrade!(hold, WAIT, new Stop());
        enter('writers');
        await bench.raw.ping();
        leave('writers');
        await process.store.downgrade!(hold);
      }
      seen.sections += 1;
      if ((await process.release(hold)) !== 'released') seen.wrong += 1;
    };
    const calls = processes.flatMap((process) =>
      Array.from({ length: 8 }, () => kinds.map((kind) => section(process, kind))),
    );
    await Promise.all(calls.flat());
    expect(await keysLeft()).toEqual([STATE]);
    return seen;
  }

  it('never has a writer beside anybody, nor a token of a writer that is not above all before, and serves everybody', async () => {
    const seen = await rush([
      shared,
      { mode: 'exclusive' },
      shared,
      { ...upgradeable, upgrade: true },
      shared,
      { mode: 'exclusive' },
    ]);
    expect(seen).toMatchObject({ wrong: 0, sections: 192 });
    expect(seen.together).toBeGreaterThan(1);
  });

  it('never has more permits than the limit, nor an exclusive holder beside one, and serves everybody', async () => {
    const limited = { limit: 3 } as const;
    const seen = await rush([
      limited,
      { ...limited, weight: 2 },
      { mode: 'exclusive' },
      limited,
      { ...limited, weight: 3 },
    ]);
    expect(seen).toMatchObject({ wrong: 0, sections: 160, together: 3 });
  });
});

describe('an upgrade', () => {
  it('that is not waited for is busy beside another reader, and the hold stays upgradeable', async () => {
    const a = open();
    const mine = await a.take(NAME, upgradeable);
    const reader = await a.take(NAME, shared);
    expect((await a.store.upgrade!(mine.hold, { wait: false }, new Stop())).outcome).toBe('busy');
    expect((await a.store.inspect(NAME)).mode).toBe('upgradeable');
    await a.release(reader.hold);
    expect((await a.store.upgrade!(mine.hold, { wait: false }, new Stop())).outcome).toBe('granted');
  });

  it('that is given up leaves the queue, and readers enter again', async () => {
    const [a, b] = [open(), open()];
    const mine = await a.take(NAME, upgradeable);
    await b.take(NAME, shared);
    const stop = new Stop();
    const upgrade = a.store.upgrade!(mine.hold, { wait: true }, stop);
    await queued(1);
    const late = b.take(NAME, { ...shared, ...WAIT });
    await queued(2);
    stop.abort(new Error('enough'));
    await expect(upgrade).rejects.toThrow('enough');
    await late;
    expect(await a.renew(mine.hold)).toBe('renewed');
    expect((await a.store.inspect(NAME)).mode).toBe('upgradeable');
  });

  it('of a hold that is lost says so', async () => {
    const a = open();
    const mine = await a.take(NAME, upgradeable);
    await bench.raw.flushall();
    await expect(a.store.upgrade!(mine.hold, { wait: true }, new Stop())).rejects.toMatchObject({
      code: 'LOCK_LOST',
    });
    await expect(a.store.downgrade!(mine.hold)).rejects.toMatchObject({ code: 'LOCK_LOST' });
  });
});

describe('an exclusive lock that becomes shared while it is held', () => {
  it('goes on: renewed, waited for in the same order, and released', async () => {
    const [a, b] = [open(), open()];
    const writer = await a.take(NAME);
    const second = b.take(NAME, WAIT);
    await eventually(async () => (await bench.raw.zcard(`${STATE}:q`)) === 1);
    const reader = b.take(NAME, { ...shared, ...WAIT });
    await queued(2);
    expect(await a.renew(writer.hold)).toBe('renewed');
    writer.hold.lastFencingToken += 5;
    expect(await a.release(writer.hold)).toBe('released');
    const next = await second;
    expect(tokenOf(next)).toBeGreaterThan(writer.hold.lastFencingToken);
    expect(await settled(reader)).toBe(false);
    expect(await b.release(next.hold)).toBe('released');
    expect(await b.release((await reader).hold)).toBe('released');
  });

  it('tells its holder that somebody has queued, once, so that its slice does not last longer than the first one', async () => {
    const [a, b] = [open(), open()];
    const writer = await a.take(NAME);
    expect(await b.ask(NAME, shared)).toMatchObject({ outcome: 'busy' });
    const readers = [b.take(NAME, { ...shared, ...WAIT }), b.take(NAME, { ...shared, ...WAIT })];
    await eventually(() => a.waitedFor.length > 0);
    await queued(2);
    await a.release(writer.hold);
    for (const { hold } of await Promise.all(readers)) await b.release(hold);
    expect([a.waitedFor, b.waitedFor]).toEqual([[writer.hold.ownerToken], []]);
  });

  it('is passed on at the end of its slice, and asked for anew', async () => {
    const [a, b] = [open(), open()];
    const writer = await a.take(NAME);
    const reader = b.take(NAME, { ...shared, ...WAIT });
    await queued(1);
    const request = {
      name: NAME,
      ownerToken: systemRandomness.ownerToken(),
      leaseMs: 30_000,
      mode: 'exclusive' as const,
      label: '',
      wait: true,
      maxWaitingProcesses: 0,
    };
    const answer = await a.store.yieldOrKeep!(writer.hold, request, new Stop());
    if (answer.outcome !== 'yielded') throw new Error(`it was ${answer.outcome}`);
    const read = await reader;
    expect(await settled(answer.granted)).toBe(false);
    await b.release(read.hold);
    expect(tokenOf(await answer.granted)).toBeGreaterThan(tokenOf(read));
  });

  it('is downgraded: keeps its token, and readers enter', async () => {
    const [a, b] = [open(), open()];
    const writer = await a.take(NAME);
    writer.hold.lastFencingToken += 3;
    await a.store.downgrade!(writer.hold);
    expect((await a.store.inspect(NAME)).fencingToken).toBe(writer.hold.lastFencingToken);
    expect(tokenOf(await b.take(NAME, shared))).toBeGreaterThan(writer.hold.lastFencingToken);
    expect((await b.ask(NAME)).outcome).toBe('busy');
  });
});

describe('a limit', () => {
  const limited = (weight: number, limit = 2) => ({ limit, weight });

  it('that was set wins over that of a caller, who is told; raised it lets in at once, lowered it takes nothing away', async () => {
    const [a, b] = [open(), open()];
    await a.store.setLimit!(NAME, 1);
    const one = await a.take(NAME, limited(1));
    expect(one.limit).toBe(1);
    const two = b.take(NAME, { ...limited(1), ...WAIT });
    await queued(1);
    await a.store.setLimit!(NAME, 2);
    expect((await two).limit).toBe(1); // as it was told when it was queued
    await a.store.setLimit!(NAME, 1);
    expect(await a.renew(one.hold)).toBe('renewed');
    expect((await b.ask(NAME, limited(1))).outcome).toBe('busy');
    await a.store.setLimit!(NAME, null);
    expect(await a.release(one.hold)).toBe('released');
    expect(await b.release((await two).hold)).toBe('released');
    expect((await a.take(NAME, limited(2))).limit).toBeUndefined();
  });

  it('below a weight is a usage error, at once and for who is queued', async () => {
    const [a, b] = [open(), open()];
    await expect(a.ask(NAME, limited(3))).rejects.toMatchObject({
      name: 'LockUsageError',
      code: 'LOCK_OPTIONS_INVALID',
    });
    expect(await keysLeft()).toEqual([]);
    await a.take(NAME, limited(1));
    const heavy = b.take(NAME, { ...limited(2), ...WAIT });
    await queued(1);
    const refusal = heavy.then(String, String);
    await a.store.setLimit!(NAME, 1);
    expect(await refusal).toMatch(/weight must be at most the limit in force, 1, got 2/);
    expect(await bench.raw.zcard(`${STATE}:q2`)).toBe(0);
  });

  it('and shared exclude each other on one name, and an exclusive lock takes all of it', async () => {
    const a = open();
    const permit = await a.take(NAME, limited(1));
    await expect(a.ask(NAME, shared)).rejects.toThrow(/is used with a limit/);
    expect((await a.ask(NAME)).outcome).toBe('busy');
    await a.release(permit.hold);
    const reader = await a.take(NAME, shared);
    await expect(a.ask(NAME, limited(1))).rejects.toThrow(/is used with readers/);
    await a.release(reader.hold);
    await a.take(NAME, limited(2));
  });
});

describe('an exclusive lock that nobody shares', () => {
  it('is ended by force with a token that it issued, also for a local lease, and not with another', async () => {
    const [a, b] = [open(), open()];
    const mine = await a.take(NAME, { label: 'mine' });
    expect(await b.store.forceRelease(NAME, 'by hand', tokenOf(mine) - 1)).toBeNull();
    expect(await b.store.forceRelease(NAME, 'by hand', tokenOf(mine) + 60_000_000)).toBeNull();
    expect(await a.renew(mine.hold)).toBe('renewed');
    expect(await b.store.forceRelease(NAME, 'by hand', tokenOf(mine) + 1)).toMatchObject({ label: 'mine' });
    expect(await a.release(mine.hold)).toBe('refused');
  });

  it('never opens a gate, nor asks whether it may', async () => {
    const [a, b] = [open(), open()];
    const commands = await bench.commandsDuring(async () => {
      const mine = await a.take(NAME);
      const next = b.take(NAME, WAIT);
      await eventually(async () => (await bench.raw.zcard(`${STATE}:q`)) === 1);
      await a.release(mine.hold);
      await b.release((await next).hold);
    });
    expect(commands.filter((command) => /:(h|i|q2|l)( |$)/.test(command))).toEqual([]);
    expect(await keysLeft()).toEqual([STATE]);
  });
});

describe('a holder at the gate', () => {
  it('whose lease has run out is lost, and the next is served', async () => {
    const [a, b] = [open(), open()];
    const dead = await a.take(NAME, { ...shared, leaseMs: 150 });
    const writer = await b.take(NAME, WAIT);
    expect(tokenOf(writer)).toBeGreaterThan(tokenOf(dead));
    expect(await a.renew(dead.hold)).toBe('lost');
    expect(await a.release(dead.hold)).toBe('refused');
  });

  it('is shown by inspect with all others, and ended by force alone or with them', async () => {
    const [a, b] = [open(), open()];
    const first = await a.take(NAME, { ...shared, label: 'first' });
    const second = await b.take(NAME, { ...upgradeable, label: 'second', leaseMs: 60_000 });
    const waiting = b.take(NAME, WAIT);
    await queued(1);
    expect(await a.store.inspect(NAME)).toMatchObject({
      held: true,
      mode: 'upgradeable',
      waiting: 1,
      limit: null,
      holders: [
        { label: 'first', mode: 'shared', fencingToken: tokenOf(first) },
        { label: 'second', mode: 'upgradeable', fencingToken: tokenOf(second) },
      ],
    });
    expect(await a.store.forceRelease(NAME, 'by hand', tokenOf(first) - 1)).toBeNull();
    expect(await a.store.forceRelease(NAME, 'by hand', tokenOf(first))).toMatchObject({ label: 'first' });
    await eventually(() => a.losses.length === 1);
    expect(await settled(waiting)).toBe(false);
    expect(await b.store.forceRelease(NAME, 'by hand')).toMatchObject({ label: 'second' });
    expect(tokenOf(await waiting)).toBeGreaterThan(tokenOf(second));
    expect(await a.release(first.hold)).toBe('refused');
  });

  it('of a lease longer than format 1 has room for is exclusive, too', async () => {
    const [a, b] = [open(), open()];
    const days = await a.take(NAME, { leaseMs: 30 * 86_400_000 });
    expect(days.leaseMs).toBe(30 * 86_400_000);
    expect((await b.ask(NAME)).outcome).toBe('busy');
    const next = b.take(NAME, WAIT);
    await queued(1);
    expect(await a.release(days.hold)).toBe('released');
    await next;
  });
});

describe('a reply that is lost', () => {
  const STEPS = ['gate-acquire', 'gate-upgrade', 'gate-renew', 'gate-downgrade', 'gate-release'] as const;

  it.each(STEPS)(
    'of %s changes nothing: asked again it is the same hold, and everybody is served',
    async (script) => {
      const redis = new MeddledRedis(bench.url);
      const [a, b] = [open({ client: redis.client }), open()];
      await a.release((await a.take('warm-up', shared)).hold);
      const lost = redis.loseReply(script);
      const mine = await a.take(NAME, upgradeable);
      const late = b.take(NAME, { ...upgradeable, ...WAIT });
      await queued(1);
      const before = tokenOf(mine);
      expect(await a.store.upgrade!(mine.hold, { wait: false }, new Stop())).toMatchObject({
        outcome: 'granted',
      });
      expect(tokenOf(mine)).toBeGreaterThan(before);
      expect(await a.renew(mine.hold, 60_000)).toBe('renewed');
      await a.store.downgrade!(mine.hold);
      const next = await late;
      expect(tokenOf(next)).toBeGreaterThan(tokenOf(mine));
      expect(await a.release(mine.hold)).toBe('released');
      await lost;
      expect(await b.release(next.hold)).toBe('released');
      expect(await keysLeft()).toEqual([STATE]);
    },
  );

  it('of an upgrade that is given up meanwhile leaves no place behind', async () => {
    const redis = new MeddledRedis(bench.url);
    const [a, b] = [open({ client: redis.client }), open()];
    const mine = await a.take(NAME, upgradeable);
    await b.take(NAME, shared);
    const lost = redis.loseReply('gate-upgrade'); // and so it is sent once more
    const stop = new Stop();
    const upgrade = a.store.upgrade!(mine.hold, WAIT, stop).then(String, String);
    await lost;
    stop.abort(new Error('enough'));
    expect(await upgrade).toBe('Error: enough');
    expect(await bench.raw.zcard(`${STATE}:q2`)).toBe(0);
    await b.take(NAME, shared);
  });

  it('of an acquisition that nobody waits for any more leaves no hold behind', async () => {
    const redis = new MeddledRedis(bench.url);
    const a = open({ client: redis.client });
    await a.release((await a.take('warm-up', shared)).hold);
    const reply = redis.holdReply('gate-acquire');
    const stop = new Stop();
    const asked = a.ask(NAME, { ...shared, ...WAIT, signal: stop });
    await reply.executed;
    stop.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    reply.letGo();
    await eventually(async () => (await bench.raw.get(STATE))?.startsWith('f') === true);
    expect(await keysLeft()).toEqual([STATE]);
  });
});

describe('a server whose memory is full', () => {
  afterEach(() => bench.raw.config('SET', 'maxmemory', '0'));

  it('lets holders go on, end and go down, and those who waited in; and who asks anew is refused with nothing changed', async () => {
    const [a, b] = [open(), open()];
    const reader = await a.take(NAME, { ...shared, leaseMs: 10_000 });
    const writer = b.take(NAME, WAIT);
    await queued(1);
    await bench.raw.config('SET', 'maxmemory', '1');
    expect(await a.renew(reader.hold, 60_000)).toBe('renewed');
    expect((await a.store.inspect(NAME)).remainingMs).toBeGreaterThan(50_000);
    const before = await bench.raw.get(STATE);
    await expect(b.ask(NAME, shared)).resolves.toMatchObject({ outcome: 'busy' });
    await expect(a.ask('other', shared)).rejects.toMatchObject({ code: 'LOCK_STORE_UNAVAILABLE' });
    expect(await bench.raw.get(STATE)).toBe(before);
    expect(await bench.raw.exists('lock:{other}')).toBe(0);
    expect(await a.release(reader.hold)).toBe('released');
    const { hold } = await writer;
    await b.store.downgrade!(hold);
    expect(await b.release(hold)).toBe('released');
  });
});

describe('force that finds a lease run out, and lets in who waited before it ends them', () => {
  it('leaves no token ahead of the server’s clock', async () => {
    const a = open();
    await a.take(NAME, { ...shared, leaseMs: 100 });
    const [, ends] = await bench.raw.zrange(`${STATE}:h`, '0', '0', 'WITHSCORES');
    const nowUs = async () => {
      const [seconds, micros] = await bench.raw.time();
      return Number(seconds) * 1_000_000 + Number(micros);
    };
    // One who is not pushed to, and does not poll.
    await bench.raw.zadd(`${STATE}:q2`, 1, `${'w'.repeat(22)}0000030000s0000000001lock:c:~gone!|`);
    await eventually(async () => (await nowUs()) / 1_000 > Number(ends) + 1);
    await a.store.forceRelease(NAME, 'by hand');
    const next = await a.take(NAME, {});
    expect(tokenOf(next)).toBeLessThanOrEqual(await nowUs());
    await a.release(next.hold);
  });
});

describe('a request that is sent on to the gate', () => {
  it('is asked there once, and is queued when the gate says so', async () => {
    const [a, b] = [open(), open()];
    const reader = await a.take(NAME, shared);
    const warm = await b.take('other', shared);
    const asked = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await bench.raw.info('commandstats'))?.[1]);
    const before = await asked();
    const news: unknown[] = [];
    const writer = b.take(NAME, { ...WAIT, onWaiting: (told) => void news.push(told.retryAfterMs) });
    await queued(1);
    await b.ask('other', {}); // behind whatever it sent besides
    expect(news.map((retryAfterMs) => Number(retryAfterMs) > 0)).toEqual([true]);
    expect((await asked()) - before).toBe(2 + 2); // both of them went to the gate by way of format 1
    await a.release(reader.hold);
    await writer;
    await b.release(warm.hold);
  });
});

describe('what the server refuses in the middle of an upgrade or a downgrade', () => {
  it('because it became a replica is told as such, and the client connects anew', async () => {
    const a = open();
    const { hold } = await a.take(NAME, upgradeable);
    const connections = async () =>
      Number(/total_connections_received:(\d+)/.exec(await bench.raw.info('stats'))?.[1]);
    const before = await connections();
    await bench.raw.call('REPLICAOF', '127.0.0.1', '1');
    try {
      const upgrade = a.store.upgrade!(hold, { wait: false }, new Stop());
      expect(await failureOf(upgrade)).toMatchObject({ code: 'LOCK_STORE_READONLY' });
      await eventually(async () => (await connections()) > before);
    } finally {
      await bench.raw.call('REPLICAOF', 'NO', 'ONE');
    }
    expect(await a.release(hold)).toBe('released');
  });

  it('because another program uses a key of the gate is a conflict of keys, also for force and a limit', async () => {
    const a = open();
    const { hold } = await a.take(NAME, upgradeable);
    await bench.raw.set(`${STATE}:i`, 'mine');
    const permits = await a.take('door', { limit: 2, weight: 1 });
    await bench.raw.set('lock:{door}:q2', 'mine');
    const calls = [
      a.store.upgrade!(hold, { wait: false }, new Stop()),
      a.store.downgrade!(hold),
      a.store.forceRelease(NAME, 'by hand'),
      a.store.setLimit!('door', 3),
    ];
    for (const call of calls) expect(await failureOf(call)).toMatchObject({ code: 'LOCK_KEY_CONFLICT' });
    expect(permits.hold.name).toBe('door');
    await bench.raw.del(STATE, `${STATE}:h`, `${STATE}:i`, 'lock:{door}:q2');
  });
});

describe('a gate of which the server has lost a part', () => {
  it('its holders: they are lost, and whoever waits is served by the next who asks', async () => {
    const [a, b] = [open(), open()];
    const reader = await a.take(NAME, shared);
    const writer = b.take(NAME, WAIT);
    await queued(1);
    await bench.raw.del(`${STATE}:h`);
    expect(await a.renew(reader.hold)).toBe('lost');
    expect(tokenOf(await writer)).toBeGreaterThan(tokenOf(reader));
    expect(await a.release(reader.hold)).toBe('refused');
  });

  it('its records: they are lost, and whoever waits is served when their leases would have ended', async () => {
    const [a, b] = [open(), open()];
    const reader = await a.take(NAME, { ...upgradeable, leaseMs: 200 });
    const writer = b.take(NAME, WAIT);
    await queued(1);
    await bench.raw.del(`${STATE}:i`);
    expect(await a.renew(reader.hold)).toBe('lost');
    expect(tokenOf(await writer)).toBeGreaterThan(tokenOf(reader));
  });

  it('its state: nobody holds it, and whoever waited keeps the place', async () => {
    const [a, b] = [open(), open()];
    const reader = await a.take(NAME, shared);
    const writer = b.take(NAME, WAIT);
    await queued(1);
    await bench.raw.del(STATE);
    expect(await a.renew(reader.hold)).toBe('lost');
    const late = await a.ask(NAME, shared);
    expect(late.outcome).toBe('busy');
    expect(tokenOf(await writer)).toBeGreaterThan(tokenOf(reader));
  });
});

describe('a user without a right that the gate needs', () => {
  it.each(gateRights())(
    '%s has exclusive locks as before, and for others an error that names it',
    async (right) => {
      const a = await openAs('plain', [right]);
      const refused = new RegExp(`shared.* ${right.slice(1).toUpperCase()}: `);
      await expect(a.ask(NAME, shared)).rejects.toMatchObject({
        code: 'LOCK_STORE_UNSUPPORTED',
        message: expect.stringMatching(refused),
      });
      expect(await keysLeft()).toEqual([]);
      const held = await a.take(NAME);
      expect(await a.release(held.hold)).toBe('released');
    },
  );
});

describe('beside a process of an older release', () => {
  const old = new Redis({ lazyConnect: true });
  afterAll(() => old.disconnect());

  it('that holds the lock, or waits for it, the new kinds are refused and nothing is changed', async () => {
    const a = open();
    await a.take('other');
    const holder = `h${'1795132800000000'.repeat(3)}${'o'.repeat(22)}lock:c:${'p'.repeat(22)}|old`;
    await bench.raw.set(STATE, holder, 'PX', 60_000);
    await expect(a.ask(NAME, { ...shared, ...WAIT })).rejects.toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
    });
    expect(await bench.raw.get(STATE)).toBe(holder);
    await bench.raw.del(STATE);
    const mine = await a.take(NAME);
    await bench.raw.zadd(`${STATE}:q`, 1, `${'w'.repeat(22)}00030000lock:c:${'p'.repeat(22)}|old`);
    await expect(a.ask(NAME, { limit: 2, ...WAIT })).rejects.toThrow(/older release/);
    await expect(a.store.downgrade!(mine.hold)).rejects.toThrow(/older release/);
    expect(await bench.raw.zcard(`${STATE}:q`)).toBe(1);
    expect(await a.release(mine.hold)).toBe('released');
  });
});
