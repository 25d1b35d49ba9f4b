import { nowNs } from '../child/clock.js';
import { probeExclusion } from '../child/exclusion-probe.js';
import { Pairs } from '../child/pairs.js';
import { promotedBytesDuring } from '../child/promoted-bytes.js';
import { role } from '../child/role.js';
import { spreadOf } from '../child/samples.js';
import { ServerCpu } from '../child/server-cpu.js';
import { formatNumber } from '../report/format.js';
import { runAlone } from '../run/measured-process.js';
import type { Values } from '../run/outcome.js';
import { isMainRow, type Measuring, type RowByRow } from './scenario.js';

const LOOPS = 64;
const BOUND_MS = 90_000;
/** Commands are counted afterwards, because counting takes time. For each loop. */
const COUNTED = 100;
/** Of a process that has just started: what a user's first requests see. */
const COLD = 500;

/**
 * Pairs until code is compiled and the heap has its shape. By count and not by time: a slow library would else be measured colder than a
 * fast one. Ours is the slowest to become warm: its processor time per pair is steady after 3 000 pairs alone and 8 000 of 64 at once.
 */
const WARM_UP = { alone: 8_000, together: 20_000 };
const MEASURED = { alone: 8_000, together: 40_000 };

interface Params {
  readonly loops: number;
  readonly warmUp: number;
  readonly measured: number;
}

const uncontended = role(
  'uncontended',
  async (place, { loops, warmUp, measured }: Params): Promise<Values> => {
    const client = await place.open();
    const server = await ServerCpu.open(place.url);
    const pairs = new Pairs(client, loops);
    await place.start();
    const first = await pairs.run(warmUp / 2);
    // A process that has served for a while has had a major collection in the midst of its traffic, and what that moved into the old
    // generation decides what later ones keep.
    await Promise.all([pairs.run(warmUp / 2), client.using('collected', async () => globalThis.gc?.())]);

    let takenNs: Float64Array = new Float64Array();
    const serverBefore = await server.usedUs();
    const cpuBefore = process.cpuUsage();
    const startNs = nowNs();
    const promoted = await promotedBytesDuring(async () => {
      takenNs = await pairs.run(measured);
    });
    const seconds = (nowNs() - startNs) / 1e9;
    const { user, system } = process.cpuUsage(cpuBefore);
    const serverUs = (await server.usedUs()) - serverBefore;

    place.sent.begin();
    await pairs.run(COUNTED * loops);
    const commands = place.sent.count / (COUNTED * loops);
    server.close();
    await probeExclusion(place);
    const { p50, p99, longest } = spreadOf(takenNs);
    return {
      p50Us: p50 / 1e3,
      p99Us: p99 / 1e3,
      longestMs: longest / 1e6,
      coldUs: spreadOf(first.subarray(0, COLD)).p50 / 1e3,
      pairsPerSecond: measured / seconds,
      clientUs: (user + system) / measured,
      serverUs: serverUs / measured,
      promotedBytes: promoted / measured,
      commands,
    };
  },
);

const WORK: RowByRow['columns'] = [
  { key: 'clientUs', title: 'client µs', digits: 1, better: 'less' },
  { key: 'serverUs', title: 'server µs', digits: 1, better: 'less' },
  { key: 'commands', title: 'commands', digits: 3, better: 'less' },
];

function measure({ inProcess, count }: Measuring, loops: number): Promise<Values> {
  const kind = loops === 1 ? 'alone' : 'together';
  const params = { loops, warmUp: WARM_UP[kind], measured: count(MEASURED[kind]) };
  return runAlone(uncontended, params, inProcess(BOUND_MS, { nodeFlags: ['--expose-gc'] }));
}

export const uncontendedLatency: RowByRow = {
  id: 'latency',
  title: 'Nobody waits: one client, one pair after the other',
  how:
    `Acquire and release of ever new names, one at a time: ${formatNumber(MEASURED.alone, 0)} pairs after ${formatNumber(WARM_UP.alone, 0)} that warm up; cold: the first ` +
    `${COLD} of those. Client and server: processor time per pair of the process and of Redis's main thread. Checked afterwards: two ` +
    'clients that fight for one name exclude each other.',
  columns: [
    { key: 'p50Us', title: 'µs per pair, p50', digits: 0, better: 'less' },
    { key: 'p99Us', title: 'p99', digits: 0, better: 'less' },
    { key: 'longestMs', title: 'longest, ms', digits: 1, better: 'less' },
    { key: 'coldUs', title: 'cold, p50', digits: 0, better: 'less' },
    ...WORK,
  ],
  ratios: [
    { of: 'p50Us', to: 'floor', title: '× by hand' },
    { of: 'p99Us', to: 'floor', title: 'p99 ÷ by hand', as: 'quotient' },
  ],
  takesPart: (adapter) => isMainRow(adapter) || adapter.id === 'ours-sent',
  measure: (measuring) => measure(measuring, 1),
};

export const uncontendedThroughput: RowByRow = {
  id: 'throughput',
  title: 'Nobody waits: 64 at once',
  how:
    `64 loops in one process, each with ever new names: ${formatNumber(MEASURED.together, 0)} pairs after ${formatNumber(WARM_UP.together, 0)} that warm up. Client, server, ` +
    'commands, bytes: per pair. Bytes promoted: what garbage collections moved into the old generation, where it stays until a major one. ' +
    'Checked as above.',
  columns: [
    { key: 'pairsPerSecond', title: 'pairs/s', digits: 0, better: 'more' },
    { key: 'p50Us', title: 'µs per pair, p50', digits: 0, better: 'less' },
    { key: 'p99Us', title: 'p99', digits: 0, better: 'less' },
    { key: 'longestMs', title: 'longest, ms', digits: 1, better: 'less' },
    ...WORK,
    { key: 'promotedBytes', title: 'bytes promoted', digits: 0, better: 'less' },
  ],
  ratios: [
    { of: 'pairsPerSecond', to: 'best peer', title: '× fastest peer' },
    { of: 'pairsPerSecond', to: 'floor', title: '× by hand' },
    { of: 'serverUs', to: 'floor', title: 'server µs ÷ by hand', as: 'quotient' },
  ],
  takesPart: (adapter) => isMainRow(adapter) || ['ours-sent', 'floor-pipelined'].includes(adapter.id),
  measure: (measuring) => measure(measuring, LOOPS),
};
