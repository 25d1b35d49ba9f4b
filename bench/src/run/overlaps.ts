import { BrokenLockError } from './outcome.js';

/** One section, of which process (its index), from when to when. */
type Visit = (process: number, enterNs: number, leaveNs: number) => void;

/**
 * Visits the sections of all processes in the order in which they began. Each array is [enter, leave, enter, leave, …] of one
 * process, as `Spans` gives it.
 */
export function visitInOrder(spans: readonly Float64Array[], visit: Visit): void {
  const next = spans.map(() => 0);
  for (;;) {
    let first = -1;
    let firstNs = Infinity;
    for (let process = 0; process < spans.length; process++) {
      const enterNs = spans[process]?.[next[process] ?? 0];
      if (enterNs !== undefined && enterNs < firstNs) {
        first = process;
        firstNs = enterNs;
      }
    }
    const times = spans[first];
    if (times === undefined) return;
    const at = next[first] ?? 0;
    next[first] = at + 2;
    visit(first, firstNs, times[at + 1] ?? firstNs);
  }
}

/** @throws BrokenLockError when two sections, of one process or of two, were open at the same time */
export function checkNoOverlap(spans: readonly Float64Array[]): void {
  let latestLeaveNs = -Infinity;
  let overlaps = 0;
  let sections = 0;
  visitInOrder(spans, (_process, enterNs, leaveNs) => {
    sections++;
    if (enterNs < latestLeaveNs) overlaps++;
    latestLeaveNs = Math.max(latestLeaveNs, leaveNs);
  });
  if (overlaps > 0)
    throw new BrokenLockError(`two holders at once ${overlaps} times in ${sections} sections`);
}

/**
 * For locks that let some in together: sections of one process may lie in any order, and may be open at the same time.
 *
 * @param alone sections during which nobody else may be inside
 * @param together sections that only those must not meet
 * @throws BrokenLockError
 */
export function checkAlone(alone: readonly Float64Array[], together: readonly Float64Array[]): void {
  const sections = [...sectionsOf(alone, true), ...sectionsOf(together, false)];
  sections.sort((a, b) => a.enterNs - b.enterNs);
  let anyLeftNs = -Infinity;
  let aloneLeftNs = -Infinity;
  let overlaps = 0;
  for (const { enterNs, leaveNs, isAlone } of sections) {
    if (enterNs < (isAlone ? anyLeftNs : aloneLeftNs)) overlaps++;
    anyLeftNs = Math.max(anyLeftNs, leaveNs);
    if (isAlone) aloneLeftNs = Math.max(aloneLeftNs, leaveNs);
  }
  if (overlaps > 0)
    throw new BrokenLockError(
      `somebody was inside with a holder who must be alone, ${overlaps} times in ${sections.length} sections`,
    );
}

/** How many sections, of all processes, were open at the same moment at most. Those of one process may lie in any order. */
export function mostAtOnce(spans: readonly Float64Array[]): number {
  const sections = sectionsOf(spans, false);
  const enters = Float64Array.from(sections, ({ enterNs }) => enterNs).toSorted();
  const leaves = Float64Array.from(sections, ({ leaveNs }) => leaveNs).toSorted();
  let open = 0;
  let most = 0;
  let left = 0;
  for (const enterNs of enters) {
    while ((leaves[left] ?? Infinity) <= enterNs) {
      left++;
      open--;
    }
    most = Math.max(most, ++open);
  }
  return most;
}

interface Section {
  readonly enterNs: number;
  readonly leaveNs: number;
  readonly isAlone: boolean;
}

function sectionsOf(spans: readonly Float64Array[], isAlone: boolean): Section[] {
  const sections: Section[] = [];
  for (const times of spans) {
    for (let at = 0; at < times.length; at += 2)
      sections.push({ enterNs: times[at] ?? NaN, leaveNs: times[at + 1] ?? NaN, isAlone });
  }
  return sections;
}
