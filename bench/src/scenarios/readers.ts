import { setTimeout as sleep } from 'node:timers/promises';

import { Callers, type Window } from '../child/callers.js';
import { nowNs } from '../child/clock.js';
import { role } from '../child/role.js';
import { Samples, spreadOf } from '../child/samples.js';
import { SharedCounter } from '../child/shared-counter.js';
import { TimedSections } from '../child/timed-sections.js';
import { checkCount, withCounter } from '../run/counter-file.js';
import { runTogether } from '../run/measured-process.js';
import { BrokenLockError, UnableError, type Values } from '../run/outcome.js';
import { checkAlone, mostAtOnce } from '../run/overlaps.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const PROCESSES = 4;
const CALLERS = 25;
const WRITERS_PART = 0.1;
const SECTION_MS = 1;
const WARM_UP_MS = 2_000;
const WINDOW_MS = 2_000;
const BOUND_MS = 20_000;
/** A section that has begun may end. */
const LAST_SECTION_MS = 200;

interface Params extends Window {
  readonly counterPath: string;
}

interface Found {
  /** Of all sections, the warm-up's too. */
  readonly reads: Float64Array;
  readonly writes: Float64Array;
  /** Reads that saw the number change while they were inside. */
  readonly torn: number;
  /** How many sections began in the window. */
  readonly sections: number;
  readonly sent: number;
  readonly readWaitsNs: Float64Array;
  readonly writeWaitsNs: Float64Array;
}

const member = role('readers', async (place, params: Params): Promise<Found> => {
  place.sent.begin();
  const client = await place.open();
  if (client.usingShared === undefined) throw new UnableError('has no read/write lock');
  const usingShared = client.usingShared.bind(client);
  await client.using(`warm-up:${process.pid}`, async () => {});
  await usingShared(`warm-up:${process.pid}`, async () => {});
  const counter = new SharedCounter(params.counterPath);
  const reads = { sections: new TimedSections(), waitsNs: new Samples() };
  const writes = { sections: new TimedSections(), waitsNs: new Samples() };
  let torn = 0;
  const read = async (): Promise<void> => {
    const before = counter.read();
    await sleep(SECTION_MS);
    if (counter.read() !== before) torn++;
  };
  const write = async (): Promise<void> => {
    const before = counter.read();
    await sleep(SECTION_MS);
    counter.write(before + 1);
  };
  const { startNs } = await place.start();
  const sentBefore = place.sent.count;
  const callers = new Callers(CALLERS, startNs, params);
  const writing = new Set<number>();
  await callers.askUntilOver((caller) => {
    const enter = async (kind: typeof reads, work: () => Promise<void>): Promise<void> => {
      const enterNs = nowNs();
      if (callers.enters(caller, enterNs, kind.waitsNs)) await kind.sections.run(enterNs, work);
    };
    const asReader = (): Promise<unknown> => usingShared('read-mostly', () => enter(reads, read));
    const asWriter = async (): Promise<void> => {
      writing.add(caller);
      await client.using('read-mostly', () => enter(writes, write));
      writing.delete(caller);
    };
    return () => (Math.random() < WRITERS_PART ? asWriter() : asReader());
  });
  const sent = place.sent.count - sentBefore;
  callers.stillWaiting((caller, lastedNs) => (writing.has(caller) ? writes : reads).waitsNs.add(lastedNs));
  await Promise.all([reads.sections.lastEnds(LAST_SECTION_MS), writes.sections.lastEnds(LAST_SECTION_MS)]);
  return {
    reads: reads.sections.take(),
    writes: writes.sections.take(),
    torn,
    sections: callers.sections,
    sent,
    readWaitsNs: reads.waitsNs.take(),
    writeWaitsNs: writes.waitsNs.take(),
  };
});

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

function check(results: readonly Found[], counterPath: string): void {
  const writes = results.map((result) => result.writes);
  checkAlone(
    writes,
    results.map((result) => result.reads),
  );
  const torn = sum(results.map((result) => result.torn));
  if (torn > 0) throw new BrokenLockError(`${torn} readers saw a write while they were inside`);
  checkCount(counterPath, sum(writes.map(({ length }) => length / 2)));
}

async function measure({ inProcess, ms }: Measuring): Promise<Values> {
  const windowMs = ms(WINDOW_MS);
  return withCounter(async (counterPath) => {
    const each: Params = { warmUpMs: WARM_UP_MS, windowMs, counterPath };
    const params = Array.from({ length: PROCESSES }, () => each);
    const results = await runTogether(member, params, inProcess(BOUND_MS));
    check(results, counterPath);
    const sections = sum(results.map((result) => result.sections));
    if (sections === 0) throw new Error('not a single section was done');
    const all = sum(results.map(({ reads, writes }) => (reads.length + writes.length) / 2));
    const readers = spreadOf(...results.map(({ readWaitsNs }) => readWaitsNs));
    const writers = spreadOf(...results.map(({ writeWaitsNs }) => writeWaitsNs));
    return {
      sectionsPerSecond: (sections * 1e3) / windowMs,
      readersAtOnce: mostAtOnce(results.map(({ reads }) => reads)),
      readWaitP99Ms: readers.p99 / 1e6,
      writeWaitP99Ms: writers.p99 / 1e6,
      longestWriteWaitMs: writers.longest / 1e6,
      commandsPerSection: sum(results.map(({ sent }) => sent)) / all,
    };
  });
}

export const readers: RowByRow = {
  id: 'readers',
  title: 'Readers and writers: one hot name, 90 % readers, 4 processes × 25 callers, sections of 1 ms',
  how:
    `25 loops in each of 4 processes for ${WINDOW_MS / 1e3} s, after ${WARM_UP_MS / 1e3} s that warm up; each call is a write with a probability of 10 %. A wait that has not ended ` +
    'then counts as long as it has lasted. Commands are counted at the sockets. No other library of the list has a read/write lock ' +
    "(of Redisson's locks node-redisson 1.0.4 has getLock only), so ours stands beside itself with every lock exclusive. Checked: nobody is inside with a writer, by the " +
    "sections' times on the clock that processes share; no reader sees a number in a file change, and no update of it is lost.",
  columns: [
    { key: 'sectionsPerSecond', title: 'sections/s', digits: 0, better: 'more' },
    { key: 'readersAtOnce', title: 'readers at once, most', digits: 0 },
    { key: 'readWaitP99Ms', title: "a reader's wait p99, ms", digits: 0, better: 'less' },
    { key: 'writeWaitP99Ms', title: "a writer's wait p99, ms", digits: 0, better: 'less' },
    { key: 'longestWriteWaitMs', title: 'longest', digits: 0, better: 'less' },
    { key: 'commandsPerSection', title: 'commands per section', digits: 2, better: 'less' },
  ],
  takesPart: (adapter) => adapter.shared === true && (isMainRow(adapter) || adapter.id === 'ours-exclusive'),
  measure,
};
