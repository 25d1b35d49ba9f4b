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
  /** How the crowd wants the name. */
  readonly many: Mode;
  /** Of the crowd, in this process. */
  readonly callers: number;
  /** How the one that might starve wants it; undefined: it is in another process. */
  readonly one: Mode | undefined;
}

/** What one process saw. */
export interface Found {
  /** Sections of its crowd. */
  readonly spans: Float64Array;
  /** Those of the one. */
  readonly spansOfOne: Float64Array;
  /** Of the one: [asked, entered, …]. */
  readonly waits: Float64Array;
  readonly pingsNs: Float64Array;
}

export const starvation = role('cost: starvation', async (place, params: Params): Promise<Found> => {
  const { many, callers, one } = params;
  const locks = await openManager(place.url);
  await locks.using(`warm-up:${process.pid}`, async () => {}, { mode: one ?? many });
  const { startNs } = await place.start();
  const [spans, alone] = await Promise.all([
    inCrowd(locks, { mode: many, callers, startNs }),
    one === undefined ? NOBODY : waitAgainAndAgain(locks, { mode: one, url: place.url, startNs }),
  ]);
  if (callers > 0) await locks.close();
  return { spans, ...alone };
});

type Manager = Awaited<ReturnType<typeof openManager>>;
const EMPTY = new Float64Array();
const NOBODY = { spansOfOne: EMPTY, waits: EMPTY, pingsNs: EMPTY };
const isOver = (startNs: number): boolean => nowNs() >= startNs + (WINDOW.warmUpMs + WINDOW.windowMs) * 1e6;

/** @returns when each section began and ended */
async function inCrowd(
  locks: Manager,
  { mode, callers, startNs }: { mode: Mode; callers: number; startNs: number },
): Promise<Float64Array> {
  if (callers === 0) return EMPTY;
  const sections = new TimedSections();
  const crowd = new Callers(callers, startNs, WINDOW);
  const enter = async (): Promise<void> =>
    isOver(startNs) ? undefined : sections.run(nowNs(), () => sleep(SECTION_MS));
  await crowd.askUntilOver(() => () => locks.using(NAME, enter, { mode }));
  await crowd.stuckAfter(DRAIN_MS); // a process that dies in the midst would be another question
  await sections.lastEnds(LAST_SECTION_MS);
  return sections.take();
}

async function waitAgainAndAgain(
  locks: Manager,
  { mode, url, startNs }: { mode: Mode; url: string; startNs: number },
): Promise<Omit<Found, 'spans'>> {
  const redis = new Redis(url);
  const [sections, waits, pingsNs] = [new TimedSections(), new Samples(), new Samples()];
  await sleep(WINDOW.warmUpMs);
  while (!isOver(startNs)) {
    const pingedNs = nowNs();
    await redis.ping();
    pingsNs.add(nowNs() - pingedNs);
    await sleep(GAP_MS);
    const askedNs = nowNs();
    const enter = async (): Promise<void> => {
      const enteredNs = nowNs();
      waits.add(askedNs);
      waits.add(enteredNs);
      await sections.run(enteredNs, () => sleep(SECTION_MS));
    };
    await locks.using(NAME, enter, { mode });
  }
  redis.disconnect();
  return { spansOfOne: sections.take(), waits: waits.take(), pingsNs: pingsNs.take() };
}

export interface Crowd {
  readonly title: string;
  readonly one: Mode;
  readonly many: Mode;
  /** Callers of each process of the crowd. */
  readonly callers: readonly number[];
  /** Is the one in the first of these processes, or in one of its own? */
  readonly within: boolean;
}

export const CROWDS: readonly Crowd[] = [
  {
    title: 'a writer among 100 readers of its own process',
    one: 'exclusive',
    many: 'shared',
    callers: [100],
    within: true,
  },
  {
    title: 'a writer among 100 readers of another process',
    one: 'exclusive',
    many: 'shared',
    callers: [100],
    within: false,
  },
  {
    title: 'a writer among 100 readers of 4 other processes',
    one: 'exclusive',
    many: 'shared',
    callers: [25, 25, 25, 25],
    within: false,
  },
  {
    title: 'a reader among 100 writers of its own process',
    one: 'shared',
    many: 'exclusive',
    callers: [100],
    within: true,
  },
  {
    title: 'a reader among 100 writers of another process',
    one: 'shared',
    many: 'exclusive',
    callers: [100],
    within: false,
  },
  {
    title: 'a reader among 100 writers of 4 other processes',
    one: 'shared',
    many: 'exclusive',
    callers: [25, 25, 25, 25],
    within: false,
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
  /** Sections of the crowd that began during a wait, at most: what a busy machine does not change. */
  readonly sections: number;
  readonly roundTrip: number;
}

/** @throws BrokenLockError when a writer was not alone */
export async function starve(
  crowd: Crowd,
  options: Omit<ProcessOptions, 'adapter' | 'boundMs'>,
): Promise<StarvationFound> {
  const { one: mode, many, within } = crowd;
  const params: Params[] = crowd.callers.map((callers, index) => ({
    many,
    callers,
    one: within && index === 0 ? mode : undefined,
  }));
  if (!within) params.unshift({ many, callers: 0, one: mode });
  const where: ProcessOptions = { ...options, adapter: 'ours', boundMs: BOUND_MS };
  const processes = params.map((each) => new MeasuredProcess(starvation, each, where));
  try {
    await Promise.all(processes.map((each) => each.ready()));
    const startNs = nowNs() + 50e6;
    const found = await Promise.all(processes.map((each) => each.result(startNs)));
    const [one] = found;
    if (one === undefined) throw new Error('nobody was there');
    const crowds = found.map(({ spans }) => spans);
    if (mode === 'exclusive') checkAlone([one.spansOfOne], crowds);
    else checkAlone(crowds, [one.spansOfOne]);
    return judge(one, crowds);
  } finally {
    await Promise.all(processes.map((each) => each.end()));
  }
}

/** Each wait beside its own bound. */
export function judge(
  { waits, pingsNs }: Pick<Found, 'waits' | 'pingsNs'>,
  crowds: readonly Float64Array[],
): StarvationFound {
  const roundTripNs = median([...pingsNs]);
  const lasted: number[] = [];
  let above = 0;
  let sections = 0;
  let longest = { ns: 0, boundNs: 0 };
  for (let at = 0; at < waits.length; at += 2) {
    const [askedNs = 0, enteredNs = 0] = waits.subarray(at, at + 2);
    const ns = enteredNs - askedNs;
    const boundNs = longestOpen(crowds, askedNs, enteredNs) + SLICE_MS * 1e6 + 2 * roundTripNs;
    lasted.push(ns);
    sections = Math.max(sections, begunIn(crowds, askedNs, enteredNs));
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
    sections,
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

function begunIn(crowds: readonly Float64Array[], fromNs: number, toNs: number): number {
  let begun = 0;
  for (const spans of crowds)
    for (let at = 0; at < spans.length; at += 2)
      if ((spans[at] ?? 0) > fromNs && (spans[at] ?? 0) < toNs) begun++;
  return begun;
}
