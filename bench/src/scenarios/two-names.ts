import { setTimeout as sleep } from 'node:timers/promises';

import type { LockClient, Work } from '../adapters/adapter.js';
import { Callers, type Window } from '../child/callers.js';
import { nowNs } from '../child/clock.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { nothing, Pairs } from '../child/pairs.js';
import { role } from '../child/role.js';
import { Samples, spreadOf } from '../child/samples.js';
import { ServerCpu } from '../child/server-cpu.js';
import { TimedSections } from '../child/timed-sections.js';
import { formatNumber } from '../report/format.js';
import { runAlone, runTogether } from '../run/measured-process.js';
import { UnableError, type Values } from '../run/outcome.js';
import { checkAlone } from '../run/overlaps.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const NAMES = Array.from({ length: 10 }, (_, index) => `account:${index}`);
const BOUND_MS = 90_000;
const WARM_UP = 8_000;
const MEASURED = 8_000;
/** Commands are counted afterwards, because counting takes time. */
const COUNTED = 100;

function takeBoth(client: LockClient, names: readonly string[], work: Work): Promise<unknown> {
  if (client.usingAll === undefined) throw new UnableError('takes one name at a time');
  return client.usingAll(names, work);
}

const anyOf = (names: readonly string[]): string => names[Math.floor(Math.random() * names.length)] ?? '';

/** Two different names, in an order that changes: who keeps one while it waits for the other is soon seen. */
function anyTwo(): [string, string] {
  const first = anyOf(NAMES);
  return [first, anyOf(NAMES.filter((name) => name !== first))];
}

const twoNamesAlone = role(
  'two-names',
  async (place, { measured }: { measured: number }): Promise<Values> => {
    const client = await place.open();
    const server = await ServerCpu.open(place.url);
    const pairs = new Pairs(client, 1, () => takeBoth(client, anyTwo(), nothing));
    await place.start();
    await pairs.run(WARM_UP);

    const serverBefore = await server.usedUs();
    const cpuBefore = process.cpuUsage();
    const startNs = nowNs();
    const takenNs = await pairs.run(measured);
    const seconds = (nowNs() - startNs) / 1e9;
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverUs = (await server.usedUs()) - serverBefore;

    place.sent.begin();
    await pairs.run(COUNTED);
    const commands = place.sent.count / COUNTED;
    server.close();
    // In both orders, so that who keeps one while it waits for the other is seen as well.
    const names = ['probe:from', 'probe:to'];
    await probeExclusion(place, (rival, work, n) =>
      takeBoth(rival, n % 2 === 0 ? names : names.toReversed(), work),
    );
    const { p50, p99 } = spreadOf(takenNs);
    return {
      pairsPerSecond: measured / seconds,
      p50Us: p50 / 1e3,
      p99Us: p99 / 1e3,
      clientUs: (user + system) / measured,
      serverUs: serverUs / measured,
      commands,
    };
  },
);

const PROCESSES = 4;
const CALLERS = 25;
const SECTION_MS = 1;
const WARM_UP_MS = 2_000;
const WINDOW_MS = 2_000;
/** When nobody asks any more, all that still wait are served within it, however they poll. */
const DEADLOCK_MS = 5_000;

interface Found {
  /** By name, of all sections. */
  readonly spans: readonly Float64Array[];
  /** How many sections began in the window, of how many in all. */
  readonly sections: number;
  readonly all: number;
  readonly sent: number;
  readonly stuck: number;
  readonly waitsNs: Float64Array;
}

const hotMember = role('two-names-hot', async (place, params: Window): Promise<Found> => {
  place.sent.begin();
  const client = await place.open();
  await takeBoth(client, [`warm-up:${process.pid}`, `warm-up:${process.pid}:2`], nothing);
  const sections = new Map(NAMES.map((name) => [name, new TimedSections()]));
  const waitsNs = new Samples();
  const { startNs } = await place.start();
  const sentBefore = place.sent.count;
  const callers = new Callers(CALLERS, startNs, params);
  let all = 0;
  await callers.askUntilOver((caller) => () => {
    const names = anyTwo();
    return takeBoth(client, names, async () => {
      const enterNs = nowNs();
      if (!callers.enters(caller, enterNs, waitsNs)) return;
      all++;
      const slept = sleep(SECTION_MS);
      await Promise.all(names.map(async (name) => sections.get(name)?.run(enterNs, () => slept)));
    });
  });
  const sent = place.sent.count - sentBefore;
  callers.stillWaiting((_, lastedNs) => waitsNs.add(lastedNs));
  const stuck = await callers.stuckAfter(DEADLOCK_MS);
  const spans = [...sections.values()].map((each) => each.take());
  return { spans, sections: callers.sections, all, sent, stuck, waitsNs: waitsNs.take() };
});

async function measureHot({ inProcess, ms }: Measuring): Promise<Values> {
  const windowMs = ms(WINDOW_MS);
  const params = Array.from({ length: PROCESSES }, () => ({ warmUpMs: WARM_UP_MS, windowMs }));
  const results = await runTogether(hotMember, params, inProcess(BOUND_MS));
  for (const place of NAMES.keys())
    checkAlone(
      results.map(({ spans }) => spans[place] ?? new Float64Array()),
      [],
    );
  const total = (key: 'sections' | 'all' | 'sent' | 'stuck'): number =>
    results.reduce((sum, result) => sum + result[key], 0);
  if (total('stuck') > 0)
    throw new Error(
      `${total('stuck')} callers still wait ${DEADLOCK_MS / 1e3} s after the last one asked: a deadlock`,
    );
  if (total('sections') === 0) throw new Error('not a single section was done');
  const waits = spreadOf(...results.map(({ waitsNs }) => waitsNs));
  return {
    pairsPerSecond: (total('sections') * 1e3) / windowMs,
    waitP50Ms: waits.p50 / 1e6,
    waitP99Ms: waits.p99 / 1e6,
    longestWaitMs: waits.longest / 1e6,
    commands: total('sent') / total('all'),
  };
}

const hasSeveral: RowByRow['takesPart'] = (adapter) =>
  adapter.severalNames === true && (isMainRow(adapter) || adapter.id === 'ours-sent');

const BY_HAND =
  'By hand: two SET NX at once; when one of them fails the other is given back and all is tried again.';

export const twoNames: RowByRow = {
  id: 'two-names',
  title: 'Two names of ten together, nobody waits',
  how:
    `One client takes two of ten names, in an order that changes, all or none, and gives both back: ${formatNumber(MEASURED, 0)} times after ${formatNumber(WARM_UP, 0)} that warm up. ${BY_HAND} ` +
    'Checked afterwards: two clients that fight for the same two names in both orders exclude each other, and both get on. ' +
    '(redis-semaphore 5.8.0 has no lock of several names.)',
  columns: [
    { key: 'pairsPerSecond', title: 'pairs/s', digits: 0, better: 'more' },
    { key: 'p50Us', title: 'µs, p50', digits: 0, better: 'less' },
    { key: 'p99Us', title: 'p99', digits: 0, better: 'less' },
    { key: 'clientUs', title: 'client µs', digits: 1, better: 'less' },
    { key: 'serverUs', title: 'server µs', digits: 1, better: 'less' },
    { key: 'commands', title: 'commands per pair', digits: 3, better: 'less' },
  ],
  ratios: [{ of: 'p50Us', to: 'floor', title: '× by hand' }],
  takesPart: hasSeveral,
  measure: ({ inProcess, count }) =>
    runAlone(twoNamesAlone, { measured: count(MEASURED) }, inProcess(BOUND_MS)),
};

export const twoNamesHot: RowByRow = {
  id: 'two-names-hot',
  title: 'Two names of ten together, 4 processes × 25 callers, sections of 1 ms',
  how:
    `25 loops in each of 4 processes for ${WINDOW_MS / 1e3} s, after ${WARM_UP_MS / 1e3} s that warm up; each time any two of ten names, in any order. A wait that has not ended then ` +
    `counts as long as it has lasted. Commands are counted at the sockets. Checked: the sections' times of each name never overlap, and when nobody asks any more all that wait ` +
    `are served within ${DEADLOCK_MS / 1e3} s: else it is a deadlock.`,
  columns: [
    { key: 'pairsPerSecond', title: 'pairs/s', digits: 0, better: 'more' },
    { key: 'waitP50Ms', title: 'wait p50, ms', digits: 0, better: 'less' },
    { key: 'waitP99Ms', title: 'p99', digits: 0, better: 'less' },
    { key: 'longestWaitMs', title: 'longest', digits: 0, better: 'less' },
    { key: 'commands', title: 'commands per pair', digits: 2, better: 'less' },
  ],
  ratios: [{ of: 'pairsPerSecond', to: 'best peer', title: '× best peer' }],
  takesPart: hasSeveral,
  measure: measureHot,
};
