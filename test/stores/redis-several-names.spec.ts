import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SCRIPTS } from '../../lib/stores/redis/redis-scripts.generated.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(async () => {
  await bench.start();
  // So that every script goes out with its short name, by which the tests know it.
  for (const { text } of Object.values(SCRIPTS)) await bench.raw.script('LOAD', text);
});
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const names = (count: number) => Array.from({ length: count }, (_, index) => `account:${index}`);

/** The scripts that the clients sent while `work` ran, in order. */
async function scriptsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen = await bench.commandsDuring(async () => void (await work()));
  const byName = Object.entries(SCRIPTS).map(([script, { sha }]) => [`evalsha ${sha}`, script] as const);
  return seen.flatMap((command) => {
    const script = byName.find(([beginning]) => command.toLowerCase().startsWith(beginning));
    return script === undefined ? [] : [script[1]];
  });
}

const times = (word: string, count: number) => Array<string>(count).fill(word);

describe('several names on Redis', () => {
  it.each([
    [1, 1],
    [2, 1],
    [16, 1],
    [17, 2],
    [100, 7],
  ])(
    '%d that are free are taken with %d command(s), and given back with as many',
    async (count, commands) => {
      const locks = await bench.manager();
      for (const release of ['confirmed', 'sent'] as const) {
        await locks.using('warm-up', () => undefined); // the first release of a connection is confirmed
        const seen = await scriptsDuring(() => locks.using(names(count), () => undefined, { release }));
        expect(seen).toEqual([...times('acquire', commands), ...times('release', commands)]);
      }
    },
  );

  it('are made longer with one command', async () => {
    const locks = await bench.manager();
    const lease = await locks.acquire(names(50));
    expect(await scriptsDuring(() => lease.extend(60_000))).toEqual(['renew']);
  });

  it('of which one is held by another process cost a try, a give-back with the place in the queue, and the rest', async () => {
    const [locks, other] = [await bench.manager(), await bench.manager()];
    await locks.using('account:1', () => undefined); // subscribed from here on
    const held = await other.acquire('account:1');
    const seen = await scriptsDuring(async () => {
      const waiting = locks.acquire(names(3));
      await bench.queued('account:1');
      await held.release();
      return waiting;
    });
    expect(seen.filter((script) => script === 'acquire')).toHaveLength(3);
    expect(seen.filter((script) => script === 'release')).toHaveLength(2); // ours of account:2, and the other's
  });
});
