import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LockManager, redisStore } from '../lib/index.js';
import { plain } from './nest/template/locked-method.js';
import { BAD_INPUT_ROWS } from './support/bad-input-rows.js';
import { RedisWorkbench } from './support/redis-workbench.js';
import { ROOT } from './support/source-files.js';
import { SELF_SIGNED, tlsFront } from './support/tls-front.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

/** Texts with what means something in a key, in a template, in a pattern of Redis or in its protocol; and any others. */
const hostile = fc.oneof(
  fc.string({
    unit: fc.constantFrom(...Array.from('ab/:{}%q0125|*?[]<>-.\\"\r\n\u0001 ')),
    minLength: 1,
    maxLength: 10,
  }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'null',
    'undefined',
    'lock:{a}',
    '{a}:q',
    'a}:q',
    '%7D',
    '$5\r\nhello',
    '*1\r\n$8\r\nFLUSHALL\r\n',
  ),
);
const names = hostile.filter((text) => text.trim() !== '');
const isSame = (a: string, b: string) => a.normalize('NFC') === b.normalize('NFC');

describe('every kind of bad input', () => {
  it.each(BAD_INPUT_ROWS)('has a test: %s', (_input, file, title) => {
    expect(readFileSync(join(ROOT, file), 'utf8')).toContain(title);
  });
});

describe('names that try, on a real Redis', () => {
  it('two different names are two locks, and one name is one, whatever they contain', async () => {
    const locks = await bench.manager();
    const property = fc.asyncProperty(names, names, async (one, other) => {
      const lease = await locks.acquire(one);
      const second = await locks.tryAcquire(other);
      expect(second === null).toBe(isSame(one, other));
      await Promise.all([lease.release(), second?.release()]);
    });
    await fc.assert(property, { numRuns: 600 });
  });

  it('nothing that is done to one lock reaches another, nor who waits for it', async () => {
    const [owner, waiter, stranger] = [await bench.manager(), await bench.manager(), await bench.manager()];
    const property = fc.asyncProperty(names, neighbours, async (name, derive) => {
      const other = derive(name);
      fc.pre(!isSame(name, other));
      const lease = await owner.acquire(name);
      const waiting = waiter.acquire(name);
      await waitingFor(owner, name);
      await useUp(stranger, other);
      expect(await owner.inspect(name)).toMatchObject({
        held: true,
        waitingProcesses: 1,
        fencingToken: lease.fencingToken,
      });
      await lease.release();
      await (await waiting).release();
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('values of a client never meet in one lock unless they are one text, in any place of a template', async () => {
    class Rooms {
      enter(room: string, seat: string): string {
        return room + seat;
      }
    }
    const template = plain(Rooms, 'enter', 'room:<room>/seat:<seat>');
    const nameOf = (values: string[]) => template.fromArguments(values)[0] ?? '';
    const locks = await bench.manager();
    const values = fc.tuple(hostile, hostile);
    const property = fc.asyncProperty(values, values, async (one, other) => {
      const lease = await locks.acquire(nameOf(one));
      const second = await locks.tryAcquire(nameOf(other));
      expect(second === null).toBe(isSame(one[0], other[0]) && isSame(one[1], other[1]));
      await Promise.all([lease.release(), second?.release()]);
    });
    await fc.assert(property, { numRuns: 600 });
  });

  it('are no patterns: what is forced or asked is exactly one lock', async () => {
    const locks = await bench.manager();
    const lease = await locks.acquire('group:1');
    for (const pattern of ['*', 'group:*', 'group:?', 'group:[1]', '{group:1}', 'lock:{group:1}']) {
      await expect(locks.isLocked(pattern)).resolves.toBe(false);
      await expect(locks.forceRelease(pattern, 'test')).resolves.toBeNull();
    }
    await lease.extend();
    expect(lease.state).toBe('held');
  });
});

describe('what a stranger can fill or read', () => {
  it('every key has an end: held, free, queued and forced', async () => {
    const [a, b] = [await bench.manager(), await bench.manager()];
    await a.acquire('held');
    const waiting = b.acquire('held').catch(() => undefined);
    await bench.queued('held');
    await a.using('free', () => undefined);
    await a.acquire('forced');
    await b.forceRelease('forced', 'test');
    const keys = await bench.raw.keys('*');
    expect(keys.toSorted()).toEqual(['lock:{forced}', 'lock:{free}', 'lock:{held}', 'lock:{held}:q']);
    for (const key of keys) expect([key, await bench.raw.pttl(key)]).toEqual([key, expect.any(Number)]);
    const ends = await Promise.all(keys.map((key) => bench.raw.pttl(key)));
    expect(Math.min(...ends)).toBeGreaterThan(0);
    expect(Math.max(...ends)).toBeLessThanOrEqual(90_000);
    await b.close();
    await waiting;
  });

  it('each acquisition has an owner token of its own, of at least 128 bits', async () => {
    const locks = await bench.manager();
    const tokens = new Set<string>();
    for (let i = 0; i < 50; i++) {
      await locks.using('group:1', async () => {
        tokens.add(String(await bench.raw.get('lock:{group:1}')).slice(49, 71));
      });
    }
    expect(tokens.size).toBe(50);
    for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(16);
  });

  it('TLS is checked as Node does: a certificate that nobody vouches for is refused, one that is given is taken', async () => {
    await using front = await tlsFront(bench.server.port);
    const refused = new LockManager({ store: redisStore({ url: front.url, commandMs: 300 }) });
    bench.afterwards(refused);
    await expect(refused.ready()).rejects.toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
      message: expect.stringMatching(/certificate/),
    });
    const { port } = new URL(front.url);
    const options = { host: '127.0.0.1', port: Number(port), tls: { ca: SELF_SIGNED } };
    const locks = await bench.manager({}, { options });
    await expect(locks.using('group:1', () => 'done')).resolves.toBe('done');
  });
});

/** Names that look like a part of another one's keys. */
const neighbours = fc.constantFrom<(name: string) => string>(
  (name) => `${name}:q`,
  (name) => `${name}}`,
  (name) => `{${name}}`,
  (name) => `${name}/`,
  (name) => `lock:{${name}}`,
  (name) => `${name}}:q`,
  (name) => encodeURIComponent(name),
  (name) => `${name} `,
  (name) => name.toUpperCase(),
  (name) => name.replaceAll('/', '%2F'),
  (name) => name.replaceAll(':', '%3A'),
);

async function waitingFor(locks: LockManager, name: string): Promise<void> {
  while ((await locks.inspect(name)).waitingProcesses === 0);
}

/** Everything one can do to a lock. */
async function useUp(locks: LockManager, name: string): Promise<void> {
  const lease = await locks.acquire(name, { waitMs: 0 });
  await lease.extend();
  await locks.forceRelease(name, 'test');
  await lease.release().catch(() => undefined);
  await locks.using(name, () => undefined, { waitMs: 0 });
}
