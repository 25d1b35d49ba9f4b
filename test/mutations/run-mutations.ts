// npm run test:mutations [-- --only <part of a name>]: switches off one protection after the other and demands that tests turn red.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { Mutant, Suite } from './mutant.js';
import { MUTANTS } from './mutants.js';
import { type Verdict, Workshop } from './workshop.js';

/** A suite takes seconds; one that a mutant makes hang is no proof. */
const SUITE_MS = 90_000;

interface Outcome {
  readonly mutant: Mutant;
  readonly caught: boolean;
  readonly by: string;
  readonly seconds: number;
}

const { values } = parseArgs({ options: { only: { type: 'string', multiple: true, default: [''] } } });
const wanted = values.only.map((part) => part.toLowerCase());
const chosen = MUTANTS.filter(({ name }) => wanted.some((part) => name.toLowerCase().includes(part)));
if (chosen.length === 0) throw new Error(`no mutation has "${wanted.join('" or "')}" in its name`);

using workshop = new Workshop();
// First of all, and all of them: a protection that moved must not be found out about in the middle of the run.
for (const { edits } of chosen) {
  workshop.mutate(edits);
  workshop.restore();
}
const startedAt = performance.now();
const outcomes: Outcome[] = [];
const greenWithout = new Map<string, Promise<Verdict>>();
for (const mutant of chosen) {
  const outcome = await judge(mutant);
  outcomes.push(outcome);
  console.log(`${outcome.caught ? 'caught  ' : 'SURVIVED'} ${mutant.name}: ${outcome.by}`);
}
report();

async function judge(mutant: Mutant): Promise<Outcome> {
  const mutantStartedAt = performance.now();
  let caught = false;
  const said: string[] = [];
  for (const suite of mutant.suites) {
    workshop.mutate(mutant.edits);
    const verdict = await workshop.run(suite, SUITE_MS);
    workshop.restore();
    caught = verdict.colour === 'red' && (await isGreenWithout(suite));
    said.push(`${suite.spec} › ${verdict.colour === 'red' ? verdict.test : verdict.colour}`);
    if (verdict.colour === 'broken') said.push(verdict.output);
    if (verdict.colour === 'red' && !caught) said.push('but it is red without the mutation, too');
    if (caught) break;
  }
  const by = caught ? (said.at(-1) ?? '') : said.join('\n');
  return { mutant, caught, by, seconds: (performance.now() - mutantStartedAt) / 1_000 };
}

/** A suite that is red anyway proves nothing. Asked once per suite, and only of those that turned red. */
async function isGreenWithout(suite: Suite): Promise<boolean> {
  const key = JSON.stringify(suite);
  const verdict = greenWithout.get(key) ?? workshop.run(suite, SUITE_MS);
  greenWithout.set(key, verdict);
  return (await verdict).colour === 'green';
}

function report(): void {
  const table = new Table({
    head: ['switched off', 'caught by', 's'],
    colWidths: [44, 92, 6],
    wordWrap: true,
  });
  for (const { mutant, caught, by, seconds } of outcomes) {
    table.push([mutant.name, caught ? by : `SURVIVED\n${by}`, seconds.toFixed(0)]);
  }
  console.log(table.toString());
  const survived = outcomes.filter(({ caught }) => !caught).length;
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  console.log(
    `${outcomes.length} mutations, ${outcomes.length - survived} caught, ${survived} survived, ${minutes} min`,
  );
  process.exitCode = survived === 0 ? 0 : 1;
}
