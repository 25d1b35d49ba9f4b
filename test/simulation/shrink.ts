import type { HistoryEvent } from '../support/history/check-history.js';
import { runSchedule, type ScheduleResult } from './schedule.js';

/** The same failure with as few faults as possible: leaves out one after the other for as long as the same rule stays broken. */
export async function shrink(
  failure: ScheduleResult,
): Promise<{ result: ScheduleResult; without: Set<number> }> {
  const rule = failure.violations[0]?.rule;
  const without = new Set<number>();
  let result = failure;
  for (let index = 0; index < failure.planned; index++) {
    const smaller = await runSchedule({ seed: failure.seed, without: new Set([...without, index]) });
    if (smaller.violations[0]?.rule !== rule) continue;
    without.add(index);
    result = smaller;
  }
  return { result, without };
}

const BEFORE_MS = 3_000;
const AFTER_MS = 500;
const LINES = 60;

/** What happened around the first violation, one line for each event. */
export function trace({ history, violations, faults }: ScheduleResult): string {
  const [first] = violations;
  if (first === undefined) return '';
  const name = /"([ab])"/.exec(first.message)?.[1];
  const near = history.filter(({ atMs }) => atMs > first.atMs - BEFORE_MS && atMs < first.atMs + AFTER_MS);
  const about = near.filter((event) => name === undefined || !('name' in event) || event.name === name);
  return [
    ...faults.map(
      ({ kind, atMs, forMs, process }) => `fault ${kind} of p${process} at ${ms(atMs)} for ${ms(forMs)}`,
    ),
    ...about.slice(-LINES).map(line),
    ...violations.slice(0, 5).map(({ rule, atMs, message }) => `${ms(atMs)} ${rule}: ${message}`),
  ].join('\n');
}

function line({ p, atMs, ...rest }: HistoryEvent): string {
  return `${ms(atMs)} ${p} ${Object.entries(rest)
    .map(([key, value]) => (key === 'seq' ? '' : String(value)))
    .join(' ')}`;
}

function ms(atMs: number): string {
  return atMs.toFixed(2).padStart(9);
}
