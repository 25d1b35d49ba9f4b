import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { ServedTime, TOO_BUSY } from './served-time.js';

/** For what has no bound of its own: longer is a hang. The mutation tests have less patience. */
export const HANG_MS = Number(process.env['HANG_MS'] ?? 60_000);

const TRIES = 3;

/** Time that is bounded. What is done meanwhile must come to its end in any case; only the bound is not judged on a machine that was busy. */
export async function within<T>(boundMs: number, work: () => Promise<T>): Promise<T> {
  const time = new ServedTime();
  try {
    const result = await work();
    if (time.isOver(boundMs))
      throw new Error(`it took ${described(time)}, and may take ${boundMs} ms: ${work.toString()}`);
    if (time.tookMs > boundMs) notJudged(`it took ${described(time)}, and may take ${boundMs} ms`);
    return result;
  } finally {
    time.stop();
  }
}

/** Polls a condition of the world outside, which sends no event. A bound is one of the product; without one, only a hang is found. */
export async function eventually(
  condition: () => Promise<boolean> | boolean,
  boundMs = HANG_MS,
): Promise<void> {
  const time = new ServedTime();
  try {
    while (!(await condition())) {
      if (time.isOver(boundMs)) throw new Error(`not within ${boundMs} ms: ${condition.toString()}`);
      await sleep(5);
    }
    if (time.tookMs > boundMs) notJudged(`came after ${described(time)}, and may take ${boundMs} ms`);
  } finally {
    time.stop();
  }
}

/**
 * A case that is made of leases and waits in real time, and cannot say which of its demands are bounds. One that fails on a busy
 * machine is run again; it may fail three times, and that it failed at all is said.
 */
export function inRealTime(work: () => unknown): () => Promise<void> {
  return async () => {
    for (let tries = 1; ; tries++) {
      const time = new ServedTime();
      try {
        await work();
        return;
      } catch (error) {
        if (tries === TRIES || time.busyness < TOO_BUSY) throw error;
        notJudged(`failed at first, and was run again: ${String(error)}`);
      } finally {
        time.stop();
      }
    }
  };
}

function described({ tookMs, stolenMs }: ServedTime): string {
  return `${tookMs.toFixed(0)} ms (of them the machine gave ${stolenMs.toFixed(0)} ms to others)`;
}

/** Said at the end of the run, for all to see: see ../jest/not-judged-reporter.mjs. */
export function notJudged(why: string): void {
  const { currentTestName = '', testPath = '' } = expect.getState();
  const spec = String(testPath).replace(/^.*\/(?=test\/)/, '');
  const line = JSON.stringify({ test: `${spec}: ${currentTestName}`, why });
  const file = process.env['NOT_JUDGED_FILE'];
  if (file === undefined) process.stderr.write(`NOT JUDGED, the machine is too busy: ${line}\n`);
  else appendFileSync(file, `${line}\n`);
}
