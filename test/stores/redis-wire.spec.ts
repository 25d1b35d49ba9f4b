import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LockManager } from '../../lib/index.js';
import { withQueue } from '../../lib/stores/redis/redis-keys.js';
import { answerOf, answerTo, headOf, payloadOf, withoutHead } from '../../lib/stores/redis/redis-wire.js';
import { MeddledRedis } from '../support/meddled-redis.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const TERMS = '00020000w000000000000000000010000';
const TIME = '1795132800123456';
const request = (name: string, terms: string, ...own: string[]) => ({
  hold: { keys: withQueue(name) },
  terms,
  own,
});

describe('requests that travel together', () => {
  it('with the same terms send them once', () => {
    expect(
      payloadOf('acquire', [request('a', 'terms', 'a1', 'a2'), request('b', 'terms', 'b1', 'b2')]),
    ).toEqual({
      keys: ['a', 'b', 'a:q', 'b:q'],
      shared: 'terms',
      args: ['a1', 'a2', 'b1', 'b2'],
    });
  });

  it('with terms of their own send them each', () => {
    expect(payloadOf('acquire', [request('a', 'one', 'a1'), request('b', 'two', 'b1')])).toEqual({
      keys: ['a', 'b', 'a:q', 'b:q'],
      shared: '',
      args: ['one', 'a1', 'two', 'b1'],
    });
  });
});

describe('a reply', () => {
  const reads = (reply: unknown, head = 'terms1 ') => withoutHead(reply, head);

  it('of another command is not read, text or list, also when its terms are the same', () => {
    const numbers = fc.nat({ max: 5_000 });
    const shared = fc.constantFrom('', '1', '00010000 00010000', TERMS);
    fc.assert(
      fc.property(numbers, numbers, shared, shared, (one, other, ofOne, ofOther) => {
        fc.pre(one !== other);
        const [head, another] = [
          headOf({ keys: [], args: [], shared: ofOne }, one),
          headOf({ keys: [], args: [], shared: ofOther }, other),
        ];
        expect(withoutHead(head + TIME, head)).toEqual([TIME]);
        fc.pre(ofOne.length === ofOther.length); // one script sends terms of one length, or none
        expect(withoutHead(another + TIME, head)).toBeUndefined();
        expect(withoutHead([another, 1], head)).toBeUndefined();
      }),
    );
    for (const reply of [null, 1, 'OK', [], ['terms1']]) expect(reads(reply)).toBeUndefined();
  });

  it('of a list is what stands behind the head, of a text its lines', () => {
    expect(reads(['terms1 ', 0, 'why'])).toEqual([0, 'why']);
    expect(reads(`terms1 ${TIME}\n\n0 5000`)).toEqual([TIME, '', '0 5000']);
    expect(reads('terms1 ')).toEqual(['']);
  });
});

describe('the answer to one request', () => {
  const acquired = (...reply: string[]) =>
    reply.slice(1).map((_, i) => answerTo({ kind: 'acquire', terms: TERMS }, reply, i));

  it('that went as usual is not sent: fence and lineage are the time, and the lease is as asked', () => {
    expect(answerTo({ kind: 'acquire', terms: TERMS }, [TIME], 15)).toEqual([1, TIME, TIME, '00020000']);
    expect(answerTo({ kind: 'release', terms: '' }, [''], 15)).toEqual([1]);
  });

  it('among others has its own line', () => {
    expect(
      acquired(TIME, '', '1795132800000001', '0 5000', '1 7 6 900', '-9 it would never run out'),
    ).toEqual([
      [1, TIME, TIME, '00020000'],
      [1, TIME, '1795132800000001', '00020000'],
      [0, '5000'],
      [1, '7', '6', '900'],
      [-9, 'it would never run out'],
    ]);
    const released = ['', '', '2', '-1', "-8 OOM command not allowed when used memory > 'maxmemory'."];
    expect(released.slice(1).map((_, i) => answerTo({ kind: 'release', terms: '' }, released, i))).toEqual([
      [1],
      [2],
      [-1],
      [-8, "OOM command not allowed when used memory > 'maxmemory'."],
    ]);
  });

  it('has a number as its code, whatever an application’s copy of ioredis makes of numbers', () => {
    expect(answerOf(['1', '5000'])).toEqual([1, '5000']);
    expect(answerOf([1, 5_000])).toEqual([1, 5_000]);
  });
});

describe('on a server', () => {
  const names = ['group:0', 'group:1', 'group:2', 'group:3'];
  const meddled = async () => {
    const redis = new MeddledRedis(bench.url);
    return { redis, locks: await bench.manager({}, { client: redis.client }) };
  };
  const pttl = async (name: string) => Math.round((await bench.raw.pttl(`lock:{${name}}`)) / 1_000);
  const acquireAll = (locks: LockManager, leaseMs: (index: number) => number) =>
    Promise.all(names.map((name, index) => locks.acquire(name, { leaseMs: leaseMs(index) })));

  it('each of a command has the lease that it asked for, and leaves a trace for as long as all', async () => {
    const { redis, locks } = await meddled();
    const leases = await acquireAll(locks, (index) => 20_000 + index * 10_000);
    expect(redis.sent.filter((script) => script === 'acquire')).toHaveLength(1);
    expect(await Promise.all(names.map(pttl))).toEqual([20, 30, 40, 50]);
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(Array(4).fill('released'));
    expect(redis.sent.filter((script) => script === 'release')).toHaveLength(1);
    expect(await Promise.all(names.map(pttl))).toEqual([10, 10, 10, 10]);
    // And once more: now each has a trace, whose lineage it continues.
    const again = await acquireAll(locks, () => 20_000);
    expect(await Promise.all(names.map(pttl))).toEqual([20, 20, 20, 20]);
    for (const [index, lease] of again.entries()) {
      expect(lease.fencingToken).toBeGreaterThan(leases[index]!.fencingToken);
      const state = await bench.raw.get(`lock:{${names[index]}}`);
      expect(state?.slice(1, 33)).toBe(`${lease.fencingToken}${leases[index]!.fencingToken}`);
    }
  });

  it('a release that expects another state than there is looks what there is: all are free afterwards', async () => {
    const { redis, locks } = await meddled();
    const leases = await acquireAll(locks, () => 20_000);
    // As after a slice that was kept: the time of the grant is not the fence.
    const key = 'lock:{group:1}';
    await bench.raw.setrange(key, 33, String(leases[1]!.fencingToken - 1));
    expect(await Promise.all(leases.map((lease) => lease.release()))).toEqual(Array(4).fill('released'));
    expect(redis.sent.filter((script) => script === 'release')).toHaveLength(1);
    for (const [index, { fencingToken }] of leases.entries())
      expect(await bench.raw.get(`lock:{${names[index]}}`)).toBe(`f${fencingToken}${fencingToken}`);
  });

  it('a state of which only the owner token is another’s is not released', async () => {
    const { locks } = await meddled();
    const lease = await locks.acquire('group:0');
    await bench.raw.setrange('lock:{group:0}', 49, 'somebody-elses-token-x');
    const before = await bench.raw.get('lock:{group:0}');
    await lease.release();
    expect(await bench.raw.get('lock:{group:0}')).toBe(before);
    await bench.raw.del('lock:{group:0}');
  });

  it('names whose queue is not empty are not overtaken by those of the same command', async () => {
    const [first, waiter, locks] = [await bench.manager(), await bench.manager(), await bench.manager()];
    const held = await first.acquire('group:1');
    const order: string[] = [];
    const waiting = waiter.using('group:1', () => void order.push('waiter'));
    await bench.queued('group:1');
    await bench.raw.del('lock:{group:1}'); // its lease ran out
    const calls = names.map((name) => locks.using(name, () => void order.push(name)));
    await Promise.all([waiting, ...calls]);
    expect(order.indexOf('waiter')).toBeLessThan(order.indexOf('group:1'));
    await held.release();
  });
});
