import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { median } from 'simple-statistics';

import { Callers } from '../../child/callers.js';
import { nowNs } from '../../child/clock.js';
import { role } from '../../child/role.js';
import { Samples, spreadOf } from '../../child/samples.js';
import { TimedSections } from '../../child/timed-sections.js';
import { MeasuredProcess, type ProcessOptions } from '../../run/measured-process.js';
import { checkAlone } from '../../run/overlaps.js';
import { openManager } from '../parties.js';

const NAME = 'starving';
const SECTION_MS = 1;
/** `cohortMs`, by default. */
const SLICE_MS = 10;
const WINDOW = { warmUpMs: 1_000, windowMs: 3_000 };
/** Between two calls of the one, so that the crowd has the name in full swing each time. */
const GAP_MS = 20;
const LAST_SECTION_MS = 500;
const DRAIN_MS = 5_000;
const BOUND_MS = 20_000;

type Mode = 'exclusive' | 'shared';

interface Params {
  readonly mode: Mode;
  /** 0: the one that might starve. */
  readonly callers: number;
}

export interface Found {
  readonly spans: Float64Array;
  /** Of the one: [asked, entered, …]. */
  readonly waits: Float64Array;
  readonly pingsNs: Float64Array;
}

export const starvation = role('cost: starvation', async (place, params: Params): Promise<Found> => {
  const locks = await openManager(place.url);
  const redis = new Redis(place.url);
  const sections = new TimedSections();
  const waits = new Samples();
  const pingsNs = new Samples();
  const inside = (): Promise<void> => sections.run(nowNs(), () => sleep(SECTION_MS));
  await locks.using(`warm-up:${process.pid}`, async () => {}, { mode: params.mode });
  const { startNs } = await place.start();
  const endNs = startNs + (WINDOW.warmUpMs + WINDOW.windowMs) * 1e6;
  if (params.callers > 0) {
    const crowd = new Callers(params.callers, startNs, WINDOW);
    const enter = async (): Promise<void> => (nowNs() < endNs ? inside() : undefined);
    await crowd.askUntilOver(() => () => locks.using(NAME, enter, { mode: params.mode }));
    await crowd.stuckAfter(DRAIN_MS); // a process that dies in the midst would be another question
    await locks.close();
  } else {
    await sleep(WINDOW.warmUpMs);
    while (nowNs() < endNs) {
      const pingedNs = nowNs();
      await redis.ping();
      pingsNs.add(nowNs() - pingedNs);
      await sleep(GAP_MS);
      const askedNs = nowNs();
      const enter = async (): Promise<void> => {
        waits.add(askedNs);
        waits.add(nowNs());
        await inside();
      };
      await locks.using(NAME, enter, { mode: params.mode });
    }
  }
  await sections.lastEnds(LAST_SECTION_MS);
  return { spans: sections.take(), waits: waits.take(), pingsNs: pingsNs.take() };
});

export interface Crowd {
  readonly title: string;
  readonly one: Mode;
  readonly many: Mode;
  /** Callers of each process of the crowd. */
  readonly callers: readonly number[];
}

export const CROWDS: readonly Crowd[] = [
  {
    title: 'a writer among 100 readers of 4 processes',
    one: 'exclusive',
    many: 'shared',
    callers: [25, 25, 25, 25],
  },
  {
    title: 'a reader among 100 writers of one process',
    one: 'shared',
    many: 'exclusive',
    callers: [100],
  },
  {
    title: 'a reader among 100 writers of 4 processes',
    one: 'shared',
    many: 'exclusive',
    callers: [25, 25, 25, 25],
  },
];

/** In ms. */
export interface StarvationFound {
  readonly waits: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Of the longest wait: the longest section that was open during it + one slice + two round trips. */
  readonly boundOfLongest: number;
  /** Waits that were longer than their own bound. */
  readonly above: number;
  readonly roundTrip: number;
}

/** @throws BrokenLockError when a writer was not alone */
export async function starve(
  crowd: Crowd,
  options: Omit<ProcessOptions, 'adapter' | 'boundMs'>,
): Promise<StarvationFound> {
  const params: Params[] = [
    { mode: crowd.one, callers: 0 },
    ...crowd.callers.map((callers) => ({ mode: crowd.many, callers })),
  ];
  const where: ProcessOptions = { ...options, adapter: 'ours', boundMs: BOUND_MS };
  const processes = params.map((each) => new MeasuredProcess(starvation, each, where));
  try {
    await Promise.all(processes.map((each) => each.ready()));
    const startNs = nowNs() + 50e6;
    const [one, ...many] = await Promise.all(processes.map((each) => each.result(startNs)));
    if (one === undefined) throw new Error('nobody was there');
    const crowds = many.map(({ spans }) => spans);
    if (crowd.one === 'exclusive') checkAlone([one.spans], crowds);
    else checkAlone(crowds, [one.spans]);
    return judge(one, crowds);
  } finally {
    await Promise.all(processes.map((each) => each.end()));
  }
}

/** Each wait beside its own bound. */
export function judge({ waits, pingsNs }: Found, crowds: readonly Float64Array[]): StarvationFound {
  const roundTripNs = median([...pingsNs]);
  const lasted: number[] = [];
  let above = 0;
  let longest = { ns: 0, boundNs: 0 };
  for (let at = 0; at < waits.length; at += 2) {
    const [askedNs = 0, enteredNs = 0] = waits.subarray(at, at + 2);
    const ns = enteredNs - askedNs;
    const boundNs = longestOpen(crowds, askedNs, enteredNs) + SLICE_MS * 1e6 + 2 * roundTripNs;
    lasted.push(ns);
    if (ns > boundNs) above++;
    if (ns > longest.ns) longest = { ns, boundNs };
  }
  const { p50, p99 } = spreadOf(Float64Array.from(lasted));
  return {
    waits: lasted.length,
    p50: p50 / 1e6,
    p99: p99 / 1e6,
    longest: longest.ns / 1e6,
    boundOfLongest: longest.boundNs / 1e6,
    above,
    roundTrip: roundTripNs / 1e6,
  };
}

/** How long the longest section lasted, in ns, of those that were open at some time of the wait. */
function longestOpen(crowds: readonly Float64Array[], fromNs: number, toNs: number): number {
  let longestNs = 0;
  for (const spans of crowds) {
    for (let at = 0; at < spans.length; at += 2) {
      const [enterNs = 0, leaveNs = 0] = [spans[at], spans[at + 1]];
      if (enterNs <= toNs && leaveNs >= fromNs) longestNs = Math.max(longestNs, leaveNs - enterNs);
    }
  }
  return longestNs;
}
