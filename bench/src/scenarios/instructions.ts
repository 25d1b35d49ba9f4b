import { probeExclusion } from '../child/exclusion-probe.js';
import { Pairs } from '../child/pairs.js';
import { role } from '../child/role.js';
import { formatNumber } from '../report/format.js';
import { countInstructions, hasCallgrind } from '../run/callgrind.js';
import { runAlone } from '../run/measured-process.js';
import { UnableError } from '../run/outcome.js';
import type { Measuring, RowByRow } from './scenario.js';

const LOOPS = 64;
/** Counted with so many pairs and with three times as many; the difference is free of what a start and an end cost. */
const PAIRS = 500;
const BOUND_MS = 120_000;

interface Params {
  readonly loops: number;
  readonly pairs: number;
}

const doPairs = role('instructions', async (place, { loops, pairs }: Params) => {
  const client = await place.open();
  await place.start();
  await new Pairs(client, loops).run(pairs);
});

/** On the usual Redis: what rivals do depends on time, and would be counted. */
const probe = role('instructions-probe', async (place) => {
  await place.start();
  await probeExclusion(place);
});

function instructionsOf({ inProcess }: Measuring, params: Params): Promise<number> {
  return countInstructions((url) => runAlone(doPairs, params, inProcess(BOUND_MS, { url })));
}

async function perPair(measuring: Measuring, loops: number): Promise<number> {
  const once = await instructionsOf(measuring, { loops, pairs: PAIRS });
  const thrice = await instructionsOf(measuring, { loops, pairs: 3 * PAIRS });
  return (thrice - once) / (2 * PAIRS);
}

export const instructions: RowByRow = {
  id: 'instructions',
  title: 'What a pair costs the server, in instructions',
  how:
    `Instructions that redis-server executes per pair of ever new names, counted by callgrind: the difference between ${formatNumber(3 * PAIRS, 0)} and ` +
    `${formatNumber(PAIRS, 0)} pairs. No other load of the machine changes it, so it is measured once. Checked before: two clients that fight for one name ` +
    'exclude each other.',
  columns: [
    { key: 'alone', title: 'one at a time', digits: 0, better: 'less' },
    { key: 'together', title: '64 at once', digits: 0, better: 'less' },
  ],
  ratios: [
    { of: 'alone', to: 'floor', title: 'one at a time ÷ by hand', as: 'quotient' },
    { of: 'together', to: 'floor', title: '64 at once ÷ by hand', as: 'quotient' },
  ],
  rounds: 1,
  takesPart: ({ id }) => id === 'ours' || id === 'floor' || id.startsWith('broken'),
  async measure(measuring) {
    await runAlone(probe, {}, measuring.inProcess(BOUND_MS));
    if (!hasCallgrind()) throw new UnableError('valgrind is not installed');
    return { alone: await perPair(measuring, 1), together: await perPair(measuring, LOOPS) };
  },
};
