import { quantileSorted } from 'simple-statistics';

import { nowMs, nowNs } from '../child/clock.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { role } from '../child/role.js';
import { runAlone } from '../run/measured-process.js';
import { isMainRow, type Scenario } from './scenario.js';

const WARM_UP_MS = 250;
const LOOPS = 64;
const BOUND_MS = 15_000;

const oneAfterTheOther = role('uncontended-latency', async (place, { windowMs }: { windowMs: number }) => {
  const client = await place.open();
  await place.start();
  const pairUs: number[] = [];
  const work = async (): Promise<void> => {};
  const startMs = nowMs();
  for (let pair = 0; nowMs() < startMs + WARM_UP_MS + windowMs; pair++) {
    const name = `alone:${pair}`;
    const sentNs = nowNs();
    await client.using(name, work);
    if (nowMs() > startMs + WARM_UP_MS) pairUs.push((nowNs() - sentNs) / 1e3);
  }
  await probeExclusion(place);
  const sorted = Float64Array.from(pairUs).toSorted();
  const quantile = (part: number): number => quantileSorted([...sorted], part);
  return { p50Us: quantile(0.5), p99Us: quantile(0.99) };
});

const manyAtOnce = role('uncontended-throughput', async (place, { windowMs }: { windowMs: number }) => {
  const client = await place.open();
  await place.start();
  const startMs = nowMs();
  const fromMs = startMs + WARM_UP_MS;
  const untilMs = fromMs + windowMs;
  let pairs = 0;
  const work = async (): Promise<void> => {};
  const loop = async (_: unknown, index: number): Promise<void> => {
    for (let pair = 0; nowMs() < untilMs; pair++) {
      await client.using(`loop:${index}:${pair}`, work);
      const atMs = nowMs();
      if (atMs >= fromMs && atMs < untilMs) pairs++;
    }
  };
  await Promise.all(Array.from({ length: LOOPS }, loop));
  await probeExclusion(place);
  return { pairsPerSecond: (pairs * 1e3) / windowMs };
});

export const uncontendedLatency: Scenario = {
  id: 'latency',
  title: 'Nobody waits: one client, one pair after the other',
  how: 'Acquire and release of ever new names, one at a time. Checked afterwards: two clients that fight for one name exclude each other.',
  columns: [
    { key: 'p50Us', title: 'µs per pair, p50', digits: 0, better: 'less' },
    { key: 'p99Us', title: 'p99', digits: 0, better: 'less' },
  ],
  ratios: [{ of: 'p50Us', to: 'floor', title: '× by hand' }],
  takesPart: isMainRow,
  measure: ({ inProcess, ms }) => runAlone(oneAfterTheOther, { windowMs: ms(1_000) }, inProcess(BOUND_MS)),
};

export const uncontendedThroughput: Scenario = {
  id: 'throughput',
  title: 'Nobody waits: 64 at once',
  how: '64 loops in one process, each with ever new names of its own. Checked afterwards as above.',
  columns: [{ key: 'pairsPerSecond', title: 'pairs/s', digits: 0, better: 'more' }],
  ratios: [
    { of: 'pairsPerSecond', to: 'best peer', title: '× fastest peer' },
    { of: 'pairsPerSecond', to: 'floor', title: '× by hand' },
  ],
  takesPart: ({ id }) => id !== 'ours-no-cohort',
  measure: ({ inProcess, ms }) => runAlone(manyAtOnce, { windowMs: ms(1_200) }, inProcess(BOUND_MS)),
};
