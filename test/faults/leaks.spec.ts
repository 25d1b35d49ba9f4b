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
const END_MS = 20_000;

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

describe.each(['memory', 'redis'])(
  `${CYCLES} acquisitions, some cancelled, lost or in vain, on %s`,
  (store) => {
    let report: LeakReport;
    beforeAll(async () => {
      report = await cyclesOn(store === 'memory' ? 'memory' : bench.url);
    }, 600_000);

    it('leave the heap flat', () => {
      const { cycles, grown } = report;
      // One forgotten object in fifty cycles is twice as much; what comes and goes by itself are some forty things in all.
      const few = grown.things < cycles / 100 && grown.bytes < cycles * 10;
      expect(few ? 'flat' : grown).toBe('flat');
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
