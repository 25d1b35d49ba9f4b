import type { RealServer } from './real-run.js';
import { runScripted } from './scripted-run.js';
import { MARGIN_MS } from './plan.js';
import type { Observation, Run, Step } from './step.js';

/** Milliseconds that are left of something: on the real server they have gone on running. Codes are smaller. */
const SMALLEST_MS = 100;
const TRIES = 200;

/** Runs the steps on both servers. @returns what differs, in words; undefined: nothing */
export async function compare(steps: readonly Step[], real: RealServer): Promise<string | undefined> {
  const expected = runScripted(steps);
  for (let tries = 0; tries < TRIES; tries++) {
    const found = await real.run(steps);
    // A machine that was busy so long has let things run out that should not have: it proves nothing, so once more.
    if (found.tookMs < MARGIN_MS - 50) return difference(steps, expected, found);
  }
  throw new Error(`this machine never ran ${steps.length} commands within ${MARGIN_MS} ms`);
}

/** The same failure with as few steps as simple removal can reach. */
export async function shrink(steps: readonly Step[], real: RealServer): Promise<readonly Step[]> {
  let smallest = steps;
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = smallest.length - size; from >= 0; from -= size) {
      const fewer = [...smallest.slice(0, from), ...smallest.slice(from + size)];
      if ((await compare(fewer, real)) !== undefined) smallest = fewer;
    }
  }
  return smallest;
}

function difference(
  steps: readonly Step[],
  expected: Run,
  found: Run & { tookMs: number },
): string | undefined {
  const slackMs = Math.ceil(found.tookMs) + 2;
  for (const [index, step] of steps.entries()) {
    const ours = expected.observations[index]!;
    const theirs = found.observations[index]!;
    if (alike(ours, theirs, slackMs)) continue;
    return `step ${index} ${JSON.stringify(step)}\n scripted ${JSON.stringify(ours)}\n real     ${JSON.stringify(theirs)}`;
  }
  if (alike(expected.heard, found.heard, 0)) return undefined;
  return `heard differently\n scripted ${JSON.stringify(expected.heard)}\n real     ${JSON.stringify(found.heard)}`;
}

function alike(ours: unknown, theirs: unknown, slackMs: number): boolean {
  if (typeof ours === 'number' && typeof theirs === 'number' && ours >= SMALLEST_MS) {
    return theirs <= ours + 1 && theirs >= ours - slackMs;
  }
  if (ours === null || theirs === null || typeof ours !== 'object' || typeof theirs !== 'object') {
    return Object.is(ours, theirs);
  }
  const keys = Object.keys(ours);
  const pick = (thing: object, key: string) => (thing as Record<string, unknown>)[key];
  return (
    keys.length === Object.keys(theirs).length &&
    keys.every((key) => alike(pick(ours, key), pick(theirs, key), slackMs))
  );
}

/** Which answers were met: `release 2`, `acquire refused OOM`. A comparison that never sees a case says nothing about it. */
export function answersMet(steps: readonly Step[]): string[] {
  const { observations } = runScripted(steps);
  return steps.flatMap((step, index) => {
    if (step.does !== 'script') return [];
    const { outcome, contents } = observations[index] as Observation;
    const before = observations[index - 1]?.contents;
    const { script } = step;
    if (!isReply(outcome)) return [`${script} refused ${outcome?.refused}`];
    if (script === 'inspect') return [`inspect ${inspected(outcome)}`];
    if (script === 'probe') return [`probe ${outcome.length > 2 ? 'refused' : 'fine'}`];
    if (SINGLE.has(script)) return [`${script} ${String(outcome[1])}`];
    const unchanged = JSON.stringify(before) === JSON.stringify(contents);
    const met = outcome.slice(1).map((answer) => describeAnswer(script, answer, unchanged));
    if (met.length > 1) met.push(`${script} several`);
    if (new Set(step.keys).size < step.keys.length) met.push(`${script} the same lock twice`);
    return met;
  });
}

/** Scripts about one lock, whose answer is not in a list. */
const SINGLE = new Set([
  'force',
  'gate-force',
  'gate-upgrade',
  'gate-downgrade',
  'gate-inspect',
  'gate-limit',
  'gate-probe',
]);

function inspected([, code, ...others]: readonly unknown[]): string {
  if (code === -9) return 'conflict';
  if (code === -10) return 'later format';
  if (code === -11) return 'at the gate';
  return others.length > 0 ? 'held' : 'free';
}

function describeAnswer(script: string, answer: unknown, unchanged: boolean): string {
  if (!isReply(answer)) return `${script} one refused ${(answer as { refused: string }).refused}`;
  const [code] = answer;
  if (script.endsWith('renew') && answer.length === 4) return `${script} newer`;
  if (script === 'yield' && code === 1 && unchanged) return 'yield kept before';
  return `${script} ${String(code)}`;
}

function isReply(outcome: unknown): outcome is readonly unknown[] {
  return Array.isArray(outcome);
}
