import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { RedisWorkbench } from '../support/redis-workbench.js';

const RUN = new URL('../support/run-typescript.mjs', import.meta.url).href;
const CHILD = new URL('../support/warm-pairs.child.ts', import.meta.url).pathname;
const PAIRS = 60_000;
/** Clients of Redis of other kinds were measured at 2 to 215; this library before it had a FleetingMap at 1 950. */
const MOST_BYTES = 500;

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterAll(() => bench.stop());

describe('what a lock and its release leave in memory, 64 at once', () => {
  it('dies young: hardly anything survives into the old generation', async () => {
    const flags = ['--trace-gc-nvp', '--import', RUN, CHILD, bench.url, '64', '20000', String(PAIRS)];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { maxBuffer: 2 ** 26 });
    const [, between = ''] = /^begin$([^]*)^end$/m.exec(stdout) ?? [];
    const promoted = [...between.matchAll(/ promoted=(\d+)/g)].map(([, bytes]) => Number(bytes));
    expect(promoted.length).toBeGreaterThan(3); // it collected, and was seen to
    expect(promoted.reduce((sum, bytes) => sum + bytes, 0) / PAIRS).toBeLessThan(MOST_BYTES);
  }, 120_000);
});
