import Table from 'cli-table3';
import { addCoverage, noCoverage } from './coverage.js';
import { FAULT_KINDS, type FaultKind } from './fault-plan.js';
import type { ScheduleResult } from './schedule.js';

interface Row {
  runs: number;
  violations: number;
  worstIdleMs: number;
  overlaps: number;
}

/** What many schedules came to, by the kinds of fault that were in them. */
export class Tally {
  schedules = 0;
  acquisitions = 0;
  turns = 0;
  violations = 0;
  readonly coverage = noCoverage();
  readonly #rows = new Map<FaultKind | 'none', Row>(
    ['none' as const, ...FAULT_KINDS].map((kind) => [
      kind,
      { runs: 0, violations: 0, worstIdleMs: 0, overlaps: 0 },
    ]),
  );

  add(result: ScheduleResult): void {
    this.schedules += 1;
    this.acquisitions += result.acquisitions;
    this.turns += result.turns;
    this.violations += result.violations.length;
    addCoverage(this.coverage, result.coverage);
    const kinds = new Set<FaultKind | 'none'>(result.faults.map(({ kind }) => kind));
    if (kinds.size === 0) kinds.add('none');
    for (const kind of kinds) {
      const row = this.#rows.get(kind);
      if (row === undefined) continue;
      row.runs += 1;
      row.violations += result.violations.length;
      row.worstIdleMs = Math.max(row.worstIdleMs, result.worstIdleMs);
      row.overlaps += result.overlaps;
    }
  }

  table(): string {
    const head = [
      'fault',
      'runs',
      'violations',
      'worst wait for a free lock once healed',
      'overlaps outside the bounds',
    ];
    const table = new Table({
      head,
      style: { head: [], border: [] },
      colAligns: ['left', 'right', 'right', 'right', 'right'],
    });
    for (const [kind, { runs, violations, worstIdleMs, overlaps }] of this.#rows)
      table.push([kind, runs, violations, `${Math.round(worstIdleMs)} ms`, overlaps]);
    return table.toString();
  }

  /** How often what a run of schedules is about did happen. */
  coverageTable(): string {
    const table = new Table({
      head: ['happened', 'times'],
      style: { head: [], border: [] },
      colAligns: ['left', 'right'],
    });
    for (const [what, times] of Object.entries(this.coverage)) table.push([what, times]);
    return table.toString();
  }
}
