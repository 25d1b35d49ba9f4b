import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { lookedAtLater } from '../../lib/testing/contract/port-process.js';
import { lockKeys } from '../../lib/stores/redis/redis-keys.js';
import { eventually } from '../support/in-time.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  // So that every script goes out with its short name, by which the tests know it.
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const LAYERS = { layers: true } as const;

/** The scripts that the clients sent while `work` ran, in order. */
async function scriptsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen = await bench.commandsDuring(async () => void (await work()));
  const byName = Object.entries(SCRIPTS).map(([script, { sha }]) => [`evalsha ${sha}`, script] as const);
  return seen.flatMap((command) => {
    const script = byName.find(([beginning]) => command.toLowerCase().startsWith(beginning));
    return script === undefined ? [] : [script[1]];
  });
}

/** A clean trace of a name whose tokens are an hour ahead of the server's clock, as after a clock that was set back. */
async function tokensAreAhead(name: string): Promise<number> {
  const [seconds] = await bench.raw.time();
  const ahead = (Number(seconds) + 3_600) * 1_000_000;
  await bench.raw.set(lockKeys('lock', name).state, `f${ahead}${ahead}`, 'PX', 600_000);
  return ahead;
}

describe('layers on Redis', () => {
  it('cost one more command each way, for all that is above; and none beside another one of the same process', async () => {
    const locks = await bench.manager(LAYERS);
    await locks.using('warm/up', () => undefined);
    const alone = await scriptsDuring(() => locks.using('g/t/m', () => undefined));
    expect(alone.toSorted()).toEqual(['acquire', 'gate-acquire', 'gate-release', 'release']);
    const lease = await locks.acquire('g/t/0', { cohortMs: 1_000 });
    const beside = await scriptsDuring(() => locks.using('g/t/m', () => undefined));
    expect(beside).toEqual(['acquire', 'release']);
    await lease.release();
  });

  it('leave no key but traces that run out', async () => {
    const locks = await bench.manager(LAYERS);
    await locks.using(['g/1', 'g/2'], () => undefined);
    const keys = await bench.raw.keys('lock:{*');
    expect(keys.toSorted()).toEqual(['lock:{g}', 'lock:{g}/1', 'lock:{g}/2']);
    for (const key of keys) {
      expect(await bench.raw.pttl(key)).toBeGreaterThan(0);
      expect(await bench.raw.get(key)).toMatch(/^f\d{32}$/);
    }
  });

  it('give a token above that of the whole though the clock of the server was set back, also to who waits', async () => {
    const [locks, other] = [await bench.manager(LAYERS), await bench.manager(LAYERS)];
    const ahead = await tokensAreAhead('g');
    const first = await locks.acquire('g/t');
    expect(first.fencingToken).toBeGreaterThan(ahead);
    const waiting = lookedAtLater(other.acquire('g/t'));
    await eventually(async () => (await bench.raw.zcard(lockKeys('lock', 'g/t').queue)) === 1);
    await first.release();
    const second = await waiting;
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    const third = await locks.tryAcquire('g/u');
    expect(third?.fencingToken).toBeGreaterThan(ahead);
    await Promise.all([second.release(), third?.release()]);
    const whole = await locks.acquire('g');
    expect(whole.fencingToken).toBeGreaterThan(second.fencingToken);
  });

  it('give the whole a token above those of its parts though the clock was set back', async () => {
    const locks = await bench.manager(LAYERS);
    const ahead = await tokensAreAhead('g/t');
    const part = await locks.acquire('g/t');
    expect(part.fencingToken).toBeGreaterThan(ahead);
    await part.release();
    const whole = await locks.acquire('g');
    expect(whole.fencingToken).toBeGreaterThan(part.fencingToken);
  });

  it('are LOCK_STORE_UNSUPPORTED where a process of an older release holds the whole, and lock nothing', async () => {
    const locks = await bench.manager(LAYERS);
    const fence = String((Number((await bench.raw.time())[0]) - 10) * 1_000_000);
    // As 0.1.0 wrote it: its channel has no mark.
    const state = `h${fence}${fence}${fence}${'o'.repeat(22)}lock:c:older|old one`;
    await bench.raw.set('lock:{g}', state, 'PX', 60_000);
    await expect(locks.acquire('g/t', { waitMs: 500 })).rejects.toMatchObject({
      code: 'LOCK_STORE_UNSUPPORTED',
    });
    expect(await bench.raw.get('lock:{g}')).toBe(state);
    expect(await locks.isLocked('g/t')).toBe(false);
  });
});
