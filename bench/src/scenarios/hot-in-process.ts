import { setTimeout as sleep } from 'node:timers/promises';

import { nowMs } from '../child/clock.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { role } from '../child/role.js';
import { Samples, spreadOf } from '../child/samples.js';
import { SectionWitness } from '../child/section-witness.js';
import { formatNumber } from '../report/format.js';
import { runAlone } from '../run/measured-process.js';
import type { Values } from '../run/outcome.js';
import { isMainRow, type RowByRow } from './scenario.js';

const WAITERS = 100;
const SECTION_MS = 1;
/** Sections until code is compiled; whoever is slower than 1 ms a section has less of it. */
const WARM_UP = { sections: 1_000, atMostMs: 1_500 };
/** 100 calls at once, each time after 100 sections without a lock. */
const ROUNDS = 10;
/** Who is not through by then is judged by the sections that it managed. */
const BOUND_MS = 4_000;
const PROCESS_BOUND_MS = 30_000;

/** What is added up over the rounds. */
interface Seen {
  readonly waitsMs: Samples;
  sections: number;
  takenMs: number;
  sent: number;
  chainMs: number;
  chained: number;
}

function nothingSeen(): Seen {
  return { waitsMs: new Samples(), sections: 0, takenMs: 0, sent: 0, chainMs: 0, chained: 0 };
}

const crowd = role('hot-in-process', async (place, { rounds }: { rounds: number }): Promise<Values> => {
  place.sent.begin();
  const client = await place.open();
  const witness = new SectionWitness();
  let isInOrder = true;
  let seen = nothingSeen();

  const section = (): Promise<void> => witness.section(() => sleep(SECTION_MS));
  const chain = async (): Promise<void> => {
    const unlocked = new SectionWitness();
    const startMs = nowMs();
    for (let done = 0; done < WAITERS; done++) await unlocked.section(() => sleep(SECTION_MS));
    seen.chainMs += nowMs() - startMs;
    seen.chained += WAITERS;
  };
  /** false: it took too long. */
  const everybody = async (): Promise<boolean> => {
    const [sentBefore, doneBefore, startMs] = [place.sent.count, witness.done, nowMs()];
    let latest = -1;
    const all = Array.from({ length: WAITERS }, (_, caller) =>
      client.using('hot', () => {
        seen.waitsMs.add(nowMs() - startMs);
        isInOrder &&= caller === latest + 1;
        latest = caller;
        return section();
      }),
    );
    const isThrough = await Promise.race([Promise.all(all).then(() => true), sleep(BOUND_MS, false)]);
    seen.takenMs += nowMs() - startMs;
    seen.sections += witness.done - doneBefore;
    seen.sent += place.sent.count - sentBefore;
    return isThrough;
  };

  await place.start();
  const untilMs = nowMs() + WARM_UP.atMostMs;
  let goesOn = true;
  while (goesOn && seen.sections < WARM_UP.sections && nowMs() < untilMs) goesOn = await everybody();
  if (goesOn) seen = nothingSeen();
  await chain();
  for (let round = 0; goesOn && round < rounds && seen.takenMs < BOUND_MS; round++) {
    if (round > 0) await chain();
    goesOn = await everybody();
  }

  const { sections, takenMs, sent, waitsMs, chainMs, chained } = seen;
  witness.check();
  if (sections === 0) throw new Error('not a single section was done');
  await probeExclusion(place); // a mutex in memory would do for what was measured
  const waits = spreadOf(waitsMs.take());
  return {
    msPerSection: takenMs / sections,
    chainMs: chainMs / chained,
    toChain: (sections / takenMs) * (chainMs / chained),
    commandsPerSection: sent / sections,
    inOrder: sections < WAITERS ? NaN : Number(isInOrder), // too few to say
    waitP50Ms: waits.p50,
    waitP99Ms: waits.p99,
    longestWaitMs: waits.longest,
  };
});

export const hotInProcess: RowByRow = {
  id: 'hot-process',
  title: 'One hot name in one process: 100 waiters, sections of 1 ms',
  how:
    `100 calls at once, a section waits for a timer of 1 ms; ${ROUNDS} times in turn with a chain of 100 of the same sections without any ` +
    `lock, after ${formatNumber(WARM_UP.sections, 0)} sections that warm up. (Who has not done those after ${WARM_UP.atMostMs / 1e3} s is measured then, for ` +
    `${BOUND_MS / 1e3} s.) A wait lasts from the call to the beginning of its section. Commands are those that the client sends, counted at its ` +
    'sockets. Checked: no two inside at once, no update of a shared number lost; and then that two clients exclude each other.',
  columns: [
    { key: 'msPerSection', title: 'ms per section', digits: 2, better: 'less' },
    { key: 'chainMs', title: 'without any lock', digits: 2 },
    { key: 'toChain', title: 'sections/s ÷ without lock', digits: 3, better: 'more' },
    { key: 'waitP50Ms', title: 'wait p50, ms', digits: 0, better: 'less' },
    { key: 'waitP99Ms', title: 'p99', digits: 0, better: 'less' },
    { key: 'longestWaitMs', title: 'longest', digits: 0, better: 'less' },
    { key: 'commandsPerSection', title: 'commands per section', digits: 2, better: 'less' },
    { key: 'inOrder', title: 'in order (1: yes)', digits: 0, better: 'more' },
  ],
  takesPart: isMainRow,
  measure: ({ inProcess, count }) => runAlone(crowd, { rounds: count(ROUNDS) }, inProcess(PROCESS_BOUND_MS)),
};
