import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { nowNs } from '../child/clock.js';
import { role } from '../child/role.js';
import { SharedCounter } from '../child/shared-counter.js';
import { Spans } from '../child/spans.js';
import { runTogether } from '../run/measured-process.js';
import { BrokenLockError, type Values } from '../run/outcome.js';
import { checkNoOverlap } from '../run/overlaps.js';
import type { Measuring, Scenario } from './scenario.js';

const PROCESSES = 4;
const WAITERS = 25;
const BOUND_MS = 20_000;
/** A section that has begun may end. */
const LAST_SECTION_MS = 200;

interface Params {
  readonly windowMs: number;
  /** 0: an empty section. */
  readonly sectionMs: number;
  readonly counterPath: string;
}

const member = role('hot-between-processes', async (place, { windowMs, sectionMs, counterPath }: Params) => {
  const client = await place.open();
  await client.using(`warm-up:${process.pid}`, async () => {});
  const counter = new SharedCounter(counterPath);
  const spans = new Spans();
  const waitingSinceNs = new Float64Array(WAITERS); // 0: not waiting
  const seen = { longestNs: 0, inside: 0, overlaps: 0 };
  const aTurn = Promise.resolve();
  const { startNs } = await place.start();
  const endNs = startNs + windowMs * 1e6;

  const section = async (waiter: number): Promise<void> => {
    const enterNs = nowNs();
    seen.longestNs = Math.max(seen.longestNs, Math.min(enterNs, endNs) - (waitingSinceNs[waiter] ?? enterNs));
    waitingSinceNs[waiter] = 0;
    if (enterNs >= endNs) return;
    if (seen.inside++ > 0) seen.overlaps++;
    if (sectionMs === 0) {
      await aTurn; // whoever else were inside could now be seen
    } else {
      const read = counter.read();
      await sleep(sectionMs);
      counter.write(read + 1);
    }
    seen.inside--;
    spans.add(enterNs, nowNs());
  };
  const loop = async (waiter: number): Promise<void> => {
    const work = (): Promise<void> => section(waiter);
    for (let askedNs = nowNs(); askedNs < endNs; askedNs = nowNs()) {
      waitingSinceNs[waiter] = askedNs;
      await client.using('hot', work);
    }
  };
  const failed = new Promise<never>((_, reject) => {
    for (let waiter = 0; waiter < WAITERS; waiter++) loop(waiter).catch(reject);
  });
  await Promise.race([sleep((endNs - nowNs()) / 1e6), failed]);
  for (const sinceNs of waitingSinceNs)
    if (sinceNs > 0) seen.longestNs = Math.max(seen.longestNs, endNs - sinceNs);
  for (let waitedMs = 0; seen.inside > 0 && waitedMs < LAST_SECTION_MS; waitedMs++) await sleep(1);
  return { spans: spans.take(), longestWaitMs: seen.longestNs / 1e6, overlaps: seen.overlaps };
});

async function measure({ inProcess, ms }: Measuring, sectionMs: number): Promise<Values> {
  const windowMs = ms(2_000);
  const folder = mkdtempSync(join(tmpdir(), 'bench-counter-'));
  const counterPath = join(folder, 'counter');
  writeFileSync(counterPath, Buffer.alloc(8));
  try {
    const params = Array.from({ length: PROCESSES }, () => ({ windowMs, sectionMs, counterPath }));
    const results = await runTogether(member, params, inProcess(BOUND_MS));
    const served = results.map(({ spans }) => spans.length / 2);
    const sections = served.reduce((sum, count) => sum + count, 0);
    checkNoOverlap(results.map(({ spans }) => spans));
    const overlaps = results.reduce((sum, result) => sum + result.overlaps, 0);
    if (overlaps > 0)
      throw new BrokenLockError(`two holders at once ${overlaps} times in ${sections} sections`);
    if (sectionMs > 0) checkCount(counterPath, sections);
    if (sections === 0) throw new Error('not a single section was done');
    return {
      sectionsPerSecond: (sections * 1e3) / windowMs,
      longestWaitMs: Math.max(...results.map(({ longestWaitMs }) => longestWaitMs)),
      share: Math.min(...served) / Math.max(...served),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkCount(counterPath: string, sections: number): void {
  const counter = new SharedCounter(counterPath);
  const count = counter.read();
  counter.close();
  if (count !== sections) throw new BrokenLockError(`${sections - count} of ${sections} updates lost`);
}

const COLUMNS: Scenario['columns'] = [
  { key: 'sectionsPerSecond', title: 'sections/s', digits: 0, better: 'more' },
  { key: 'longestWaitMs', title: 'longest wait, ms', digits: 0, better: 'less' },
  { key: 'share', title: 'least / most served process', digits: 2, better: 'more' },
];
const HOW =
  '25 loops in each of 4 processes for 2 s; a wait that lasts at the end counts as long as it has lasted, so 2 000 ms means: for ever. ' +
  "Checked: the sections' times, on the clock that processes share, never overlap";

export const hotEmpty: Scenario = {
  id: 'hot-empty',
  title: 'One hot name, 4 processes × 25 waiters, empty sections',
  how: `${HOW}.`,
  columns: COLUMNS,
  ratios: [{ of: 'sectionsPerSecond', to: 'best peer', title: '× best peer' }],
  takesPart: ({ id }) => id !== 'floor-pipelined',
  measure: (measuring) => measure(measuring, 0),
};

export const hotOneMs: Scenario = {
  id: 'hot-1ms',
  title: 'One hot name, 4 processes × 25 waiters, sections of 1 ms',
  how: `${HOW}, and a number in a file that every section reads and writes 1 ms later is exact.`,
  columns: COLUMNS,
  takesPart: ({ id }) => id !== 'floor-pipelined',
  measure: (measuring) => measure(measuring, 1),
};
