import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, RedisWorkbench } from '../support/redis-workbench.js';
import type { LeakReport } from '../support/leak-cycles.child.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterAll(() => bench.stop());

/** `npm run test:leaks` asks for 100 000. */
const CYCLES = Number(process.env['LEAK_CYCLES'] ?? 20_000);
const RUN = new URL('../support/run-typescript.mjs', import.meta.url).href;
const CHILD = new URL('../support/leak-cycles.child.ts', import.meta.url).pathname;
/** After close(): what is left to do is to end. */
const END_MS = 2_000;

/** Runs it, and sees to it that the process ends by itself once it has reported. */
async function cyclesOn(where: string): Promise<LeakReport> {
  const child = spawn(process.execPath, ['--expose-gc', '--import', RUN, CHILD, where, String(CYCLES)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, errors] = ['', ''];
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, 'exit');
  const reported = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('\n')) resolve();
    });
  });
  await Promise.race([reported, exited]);
  const ended = await Promise.race([exited, sleep(END_MS, 'still there', { ref: false })]);
  if (ended === 'still there') child.kill('SIGKILL');
  expect({ ended, errors }).toEqual({ ended: [0, null], errors: '' });
  return JSON.parse(output) as LeakReport;
}

/** From the second sample, when all is compiled and warm, to the last. */
function grownBytesPerCycle({ heap, cycles }: LeakReport): number {
  const grown = (heap.at(-1) ?? Infinity) - (heap[1] ?? 0);
  return grown / ((cycles / heap.length) * (heap.length - 2));
}

describe.each(['memory', 'redis'])(
  `${CYCLES} acquisitions, some cancelled, lost or in vain, on %s`,
  (store) => {
    let report: LeakReport;
    beforeAll(async () => {
      report = await cyclesOn(store === 'memory' ? 'memory' : bench.url);
    }, 600_000);

    it('leave the heap flat', () => {
      // A forgotten lease, timer or listener is several hundred bytes.
      expect(grownBytesPerCycle(report)).toBeLessThan(20);
    });

    it('leave no listener on a signal of the caller', () => {
      expect(report.listenersOnSignal).toBe(0);
    });

    it('leave no timer and no socket after close(), and the process ends by itself', () => {
      expect(report.resourcesAfter).toEqual(report.resourcesBefore);
    });

    it('tell each holder that was ended by force', () => {
      expect(report.lostSignals).toBe(CYCLES / 50);
    });
  },
);

describe('on the server', () => {
  it('no key, no client and no channel is left', async () => {
    await eventually(async () => (await bench.raw.dbsize()) === 0);
    const clients = String(await bench.raw.client('LIST'))
      .trim()
      .split('\n');
    expect(clients).toHaveLength(1); // ours
    expect(await bench.raw.pubsub('CHANNELS', '*')).toEqual([]);
  });
});
