import { Command, InvalidArgumentError } from 'commander';

import { ALL_ADAPTERS, type AdapterId, isAdapterId } from './adapters/index.js';
import { SCENARIOS } from './scenarios/index.js';
import type { RunPlan } from './run/run-scenarios.js';

/** How much less a quick run measures. It warms up as long as any: what is cold is another program. */
const QUICK = 0.3;

export interface BenchOptions extends RunPlan {
  readonly isQuick: boolean;
  /** Everything, as published: only such a run replaces the published results. */
  readonly isWhole: boolean;
  readonly out: string | undefined;
}

interface Raw {
  readonly rounds?: number;
  readonly only?: string[];
  readonly libs?: AdapterId[];
  readonly quick?: true;
  readonly out?: string;
}

export function readOptions(args: readonly string[]): BenchOptions {
  const raw = new Command('npm run bench --')
    .description('Measures nestjs-distributed-lock beside other lock libraries, on one Redis, in one run.')
    .option('--rounds <number>', 'how often everything is measured (default: 3)', toRounds)
    .option('--only <scenarios>', `some of: ${SCENARIOS.map(({ id }) => id).join(', ')}`, toScenarios)
    .option('--libs <libraries>', `some of: ${ALL_ADAPTERS.join(', ')}`, toAdapters)
    .option('--quick', 'one round of short measurements, as warm as any: a look, no evidence')
    .option('--out <folder>', 'where the results go (default: results/, or results/partial/ for a part)')
    .addHelpText(
      'after',
      '\nAlso: --library <folder> measures a package built elsewhere; --prepare-only only installs and builds.',
    )
    .parse(args, { from: 'user' })
    .opts<Raw>();
  const isQuick = raw.quick === true;
  const rounds = raw.rounds ?? (isQuick ? 1 : 3);
  return {
    adapters: raw.libs ?? ALL_ADAPTERS,
    scenarios: SCENARIOS.filter(({ id }) => raw.only?.includes(id) ?? true),
    rounds,
    scale: isQuick ? QUICK : 1,
    isQuick,
    isWhole: !isQuick && raw.only === undefined && raw.libs === undefined && rounds >= 3,
    out: raw.out,
  };
}

function toRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 100) return rounds;
  throw new InvalidArgumentError('a number from 1 to 100');
}

function toScenarios(text: string): string[] {
  const ids = text.split(',');
  const unknown = ids.find((id) => SCENARIOS.every((scenario) => scenario.id !== id));
  if (unknown !== undefined) throw new InvalidArgumentError(`no scenario is called ${unknown}`);
  return ids;
}

function toAdapters(text: string): AdapterId[] {
  return text.split(',').map((id) => {
    if (isAdapterId(id)) return id;
    throw new InvalidArgumentError(`no library is called ${id}`);
  });
}
