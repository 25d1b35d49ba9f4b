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
