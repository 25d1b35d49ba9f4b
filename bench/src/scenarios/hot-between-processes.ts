import { setTimeout as sleep } from 'node:timers/promises';

import { Callers, type Window } from '../child/callers.js';
import { nowNs } from '../child/clock.js';
import { HotSections } from '../child/hot-sections.js';
import { role } from '../child/role.js';
import { Samples, spreadOf } from '../child/samples.js';
import { checkCount, withCounter } from '../run/counter-file.js';
import { runAlone, runTogether } from '../run/measured-process.js';
import { BrokenLockError, type Values } from '../run/outcome.js';
import { checkNoOverlap } from '../run/overlaps.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const PROCESSES = 4;
const WAITERS = 25;
/** By time, because the rate over time is what is asked for. With 1 ms sections a path between processes runs 40 times per process in it. */
const WARM_UP = { emptyMs: 1_000, oneMs: 2_000 };
const WINDOW_MS = 2_000;
/** Sections without a lock, in one process; the first of them warm up. */
const CHAIN = { warmUp: 200, measured: 600 };
const BOUND_MS = 20_000;
/** A section that has begun may end. */
const LAST_SECTION_MS = 200;

interface Params extends Window {
  /** 0: an empty section. */
  readonly sectionMs: number;
  readonly counterPath: string;
}

interface Found {
  /** Of all sections, the warm-up's too: a lock that does not hold while it is cold is broken. */
  readonly spans: Float64Array;
  /** How many of them began in the window. */
  readonly sections: number;
  readonly overlaps: number;
  /** Those that ended in the window, and those that had not ended when it was over. */
  readonly waitsNs: Float64Array;
}

const member = role('hot-between-processes', async (place, params: Params): Promise<Found> => {
  const client = await place.open();
  await client.using(`warm-up:${process.pid}`, async () => {});
  const sections = new HotSections(params.sectionMs, params.counterPath);
  const waitsNs = new Samples();
  const { startNs } = await place.start();
  const callers = new Callers(WAITERS, startNs, params);
  await callers.askUntilOver((caller) => {
    const work = async (): Promise<void> => {
      const enterNs = nowNs();
      if (callers.enters(caller, enterNs, waitsNs)) await sections.run(enterNs);
    };
    return () => client.using('hot', work);
  });
  callers.stillWaiting((_, lastedNs) => waitsNs.add(lastedNs));
  for (let waitedMs = 0; sections.inside > 0 && waitedMs < LAST_SECTION_MS; waitedMs++) await sleep(1);
  const { overlaps } = sections;
  return { spans: sections.take(), sections: callers.sections, overlaps, waitsNs: waitsNs.take() };
});

interface ChainParams {
  readonly sectionMs: number;
  readonly counterPath: string;
  readonly warmUp: number;
  readonly measured: number;
}

/** One section after the other without any lock, and without the library: what nobody can be faster than. In sections per second. */
const chain = role('chain', async (place, params: ChainParams): Promise<number> => {
  const sections = new HotSections(params.sectionMs, params.counterPath);
  await place.start();
  for (let done = 0; done < params.warmUp; done++) await sections.run(nowNs());
  const startNs = nowNs();
  for (let done = 0; done < params.measured; done++) await sections.run(nowNs());
  return (params.measured * 1e9) / (nowNs() - startNs);
});

async function measure({ inProcess, ms }: Measuring, sectionMs: number): Promise<Values> {
  const windowMs = ms(WINDOW_MS);
  const warmUpMs = sectionMs === 0 ? WARM_UP.emptyMs : WARM_UP.oneMs;
  return withCounter(async (counterPath) => {
    const each: Params = { warmUpMs, windowMs, sectionMs, counterPath };
    const params = Array.from({ length: PROCESSES }, () => each);
    const results = await runTogether(member, params, inProcess(BOUND_MS));
    const all = results.reduce((sum, { spans }) => sum + spans.length / 2, 0);
    checkNoOverlap(results.map(({ spans }) => spans));
    const overlaps = results.reduce((sum, result) => sum + result.overlaps, 0);
    if (overlaps > 0) throw new BrokenLockError(`two holders at once ${overlaps} times in ${all} sections`);
    if (sectionMs > 0) checkCount(counterPath, all);
    const served = results.map(({ sections }) => sections);
    const sections = served.reduce((sum, count) => sum + count, 0);
    if (sections === 0) throw new Error('not a single section was done');
    const waitsNs = spreadOf(...results.map((result) => result.waitsNs));
    const sectionsPerSecond = (sections * 1e3) / windowMs;
    return {
      sectionsPerSecond,
      waitP50Ms: waitsNs.p50 / 1e6,
      waitP99Ms: waitsNs.p99 / 1e6,
      longestWaitMs: waitsNs.longest / 1e6,
      p99ToFair: waitsNs.p99 / 1e9 / ((PROCESSES * WAITERS) / sectionsPerSecond),
      share: Math.min(...served) / Math.max(...served),
    };
  });
}

async function measureBesideChain(measuring: Measuring, sectionMs: number): Promise<Values> {
  const { inProcess, count } = measuring;
  const chainPerSecond = await withCounter((counterPath) => {
    const params = { sectionMs, counterPath, warmUp: CHAIN.warmUp, measured: count(CHAIN.measured) };
    return runAlone(chain, params, inProcess(BOUND_MS));
  });
  const values = await measure(measuring, sectionMs);
  return { ...values, chainPerSecond, toChain: (values['sectionsPerSecond'] ?? NaN) / chainPerSecond };
}

const RATE: RowByRow['columns'][number] = {
  key: 'sectionsPerSecond',
  title: 'sections/s',
  digits: 0,
  better: 'more',
};
const WAITS: RowByRow['columns'] = [
  { key: 'waitP50Ms', title: 'wait p50, ms', digits: 0, better: 'less' },
  { key: 'waitP99Ms', title: 'p99', digits: 0, better: 'less' },
  { key: 'longestWaitMs', title: 'longest', digits: 0, better: 'less' },
  { key: 'share', title: 'least / most served process', digits: 2, better: 'more' },
];
const how = (warmUpMs: number): string =>
  `25 loops in each of 4 processes for ${WINDOW_MS / 1e3} s, after ${warmUpMs / 1e3} s that warm up. A wait that has not ended then counts as ` +
  'long as it has lasted; one as long as the whole means: for ever. ' +
  "Checked: the sections' times, on the clock that processes share, never overlap";

const isHot: RowByRow['takesPart'] = (adapter) => isMainRow(adapter) || adapter.id === 'ours-no-cohort';

export const hotEmpty: RowByRow = {
  id: 'hot-empty',
  title: 'One hot name, 4 processes × 25 waiters, empty sections',
  how: `${how(WARM_UP.emptyMs)}.`,
  columns: [RATE, ...WAITS],
  ratios: [{ of: 'sectionsPerSecond', to: 'best peer', title: '× best peer' }],
  takesPart: isHot,
  measure: (measuring) => measure(measuring, 0),
};

export const hotOneMs: RowByRow = {
  id: 'hot-1ms',
  title: 'One hot name, 4 processes × 25 waiters, sections of 1 ms',
  how:
    `${how(WARM_UP.oneMs)}, and a number in a file that every section reads and writes 1 ms later is exact. Chain: ${CHAIN.measured} of the same sections ` +
    'one after the other in one process, without any lock, just before. Waiters / rate: what each of the 100 waits if all are served in turn.',
  columns: [
    RATE,
    { key: 'chainPerSecond', title: 'chain without lock', digits: 0 },
    { key: 'toChain', title: '÷ chain', digits: 2, better: 'more' },
    ...WAITS,
    { key: 'p99ToFair', title: 'p99 ÷ (waiters / rate)', digits: 2, better: 'less' },
  ],
  takesPart: isHot,
  measure: (measuring) => measureBesideChain(measuring, 1),
};
