import { setTimeout as sleep } from 'node:timers/promises';

import { Callers, type Window } from '../child/callers.js';
import { nowNs } from '../child/clock.js';
import { role } from '../child/role.js';
import { Samples, spreadOf } from '../child/samples.js';
import { TimedSections } from '../child/timed-sections.js';
import { runTogether } from '../run/measured-process.js';
import { BrokenLockError, UnableError, type Values } from '../run/outcome.js';
import { mostAtOnce } from '../run/overlaps.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const LIMIT = 5;
const PROCESSES = 4;
const CALLERS = 25;
const SECTION_MS = 1;
const WARM_UP_MS = 2_000;
const WINDOW_MS = 2_000;
const BOUND_MS = 20_000;
/** A section that has begun may end. */
const LAST_SECTION_MS = 200;

interface Found {
  /** Of all sections, the warm-up's too. */
  readonly spans: Float64Array;
  /** How many of them began in the window. */
  readonly sections: number;
  readonly sent: number;
  readonly waitsNs: Float64Array;
}

const member = role('limit', async (place, params: Window): Promise<Found> => {
  place.sent.begin();
  const client = await place.open();
  if (client.usingLimited === undefined) throw new UnableError('has no limits');
  const usingLimited = client.usingLimited.bind(client);
  await usingLimited(`warm-up:${process.pid}`, LIMIT, async () => {});
  const sections = new TimedSections();
  const waitsNs = new Samples();
  const { startNs } = await place.start();
  const sentBefore = place.sent.count;
  const callers = new Callers(CALLERS, startNs, params);
  await callers.askUntilOver((caller) => {
    const work = async (): Promise<void> => {
      const enterNs = nowNs();
      if (callers.enters(caller, enterNs, waitsNs)) await sections.run(enterNs, () => sleep(SECTION_MS));
    };
    return () => usingLimited('limited', LIMIT, work);
  });
  const sent = place.sent.count - sentBefore;
  callers.stillWaiting((_, lastedNs) => waitsNs.add(lastedNs));
  await sections.lastEnds(LAST_SECTION_MS);
  return { spans: sections.take(), sections: callers.sections, sent, waitsNs: waitsNs.take() };
});

async function measure({ inProcess, ms }: Measuring): Promise<Values> {
  const windowMs = ms(WINDOW_MS);
  const params = Array.from({ length: PROCESSES }, () => ({ warmUpMs: WARM_UP_MS, windowMs }));
  const results = await runTogether(member, params, inProcess(BOUND_MS));
  const spans = results.map((result) => result.spans);
  const all = spans.reduce((total, { length }) => total + length / 2, 0);
  const most = mostAtOnce(spans);
  if (most > LIMIT)
    throw new BrokenLockError(`${most} were inside at once in ${all} sections, of ${LIMIT} at most`);
  const served = results.map(({ sections }) => sections);
  const sections = served.reduce((total, each) => total + each, 0);
  if (sections === 0) throw new Error('not a single section was done');
  const waits = spreadOf(...results.map(({ waitsNs }) => waitsNs));
  return {
    sectionsPerSecond: (sections * 1e3) / windowMs,
    most,
    waitP50Ms: waits.p50 / 1e6,
    waitP99Ms: waits.p99 / 1e6,
    longestWaitMs: waits.longest / 1e6,
    share: Math.min(...served) / Math.max(...served),
    commandsPerSection: results.reduce((total, { sent }) => total + sent, 0) / all,
  };
}

export const limit: RowByRow = {
  id: 'limit',
  title: `A limit of ${LIMIT}: one hot name, 4 processes × 25 callers, sections of 1 ms`,
  how:
    `25 loops in each of 4 processes for ${WINDOW_MS / 1e3} s, after ${WARM_UP_MS / 1e3} s that warm up. A wait that has not ended then counts as long as it has lasted. Commands are ` +
    "counted at the sockets. Checked by the sections' times, on the clock that processes share: never more than " +
    `${LIMIT} are open at once.`,
  columns: [
    { key: 'sectionsPerSecond', title: 'sections/s', digits: 0, better: 'more' },
    { key: 'most', title: 'at once, most', digits: 0 },
    { key: 'waitP50Ms', title: 'wait p50, ms', digits: 0, better: 'less' },
    { key: 'waitP99Ms', title: 'p99', digits: 0, better: 'less' },
    { key: 'longestWaitMs', title: 'longest', digits: 0, better: 'less' },
    { key: 'share', title: 'least / most served process', digits: 2, better: 'more' },
    { key: 'commandsPerSection', title: 'commands per section', digits: 2, better: 'less' },
  ],
  ratios: [{ of: 'sectionsPerSecond', to: 'best peer', title: '× best peer' }],
  takesPart: (adapter) => adapter.limits === true && isMainRow(adapter),
  measure,
};
