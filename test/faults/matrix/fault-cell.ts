import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Bounds,
  checkHistory,
  type HistoryEvent,
  type HistoryMeasures,
  measureHistory,
  type Violation,
} from '../../support/history/check-history.js';
import { Arena, type ArenaOptions, LEASE_MS } from './arena.js';
import type { WorkerPool } from './worker-pool.js';

/** One line of the matrix: a fault, and how to run into it once. */
export interface FaultCell {
  /** Of the published matrix: docs/evidence.md. */
  readonly row: number;
  readonly name: string;
  /** Is M1 judged? Else overlaps are only counted. */
  readonly exclusive: boolean;
  /** Why this fault cannot be made on this machine; null when it can. */
  readonly missing: () => string | null;
  /** The fault alone, to be one of many in a soak; undefined: it needs an arena of its own. */
  readonly strike: ((arena: Arena) => Promise<void>) | undefined;
  run(context: { readonly seed: string; readonly pool: WorkerPool }): Promise<CellRun>;
}

export interface CellRun {
  /** Broken rules, and what else the cell had to see and did not (`row`). */
  readonly violations: readonly (Violation | RowViolation)[];
  readonly measures: HistoryMeasures;
  /** Why what is a matter of time was not judged: the machine was too busy. */
  readonly notJudged?: string;
}

interface RowViolation {
  readonly rule: 'row';
  readonly late: true;
  readonly message: string;
  readonly atMs: number;
}

export interface ArenaCell {
  readonly row: number;
  readonly name: string;
  readonly arena?:
    | Omit<Partial<ArenaOptions>, 'seed' | 'pool'>
    | (() => Omit<Partial<ArenaOptions>, 'seed' | 'pool'>);
  readonly bounds?: Partial<Bounds>;
  readonly missing?: () => string | null;
  /** The fault, from its beginning to its end. */
  inject(arena: Arena): Promise<void>;
  /** What must also be true: a sentence for each that is not. */
  judge?(events: readonly HistoryEvent[], arena: Arena): string[];
  /** Closed in the middle of everything. */
  readonly abrupt?: boolean;
  /** It needs a server, processes or callers of a special kind, so it cannot be one of many in a soak. */
  readonly alone?: boolean;
}

/** A fault that strikes while callers in several processes take locks; afterwards they must go on as if nothing had been. */
export function arenaCell(cell: ArenaCell): FaultCell {
  const { row, name, missing = () => null } = cell;
  const exclusive = cell.bounds?.exclusive ?? true;
  return {
    row,
    name,
    exclusive,
    missing,
    strike: cell.alone === true ? undefined : (arena) => cell.inject(arena),
    run: async ({ seed, pool }) => {
      const options = typeof cell.arena === 'function' ? cell.arena() : cell.arena;
      const arena = await Arena.open({ ...options, seed: `${name} ${seed}`, pool });
      try {
        return await runIn(arena, cell);
      } finally {
        await arena.close();
      }
    },
  };
}

async function runIn(arena: Arena, cell: ArenaCell): Promise<CellRun> {
  const { leaseMs } = arena;
  // «Recovery after the last fault in at most one lease and a second.»
  const bounds: Bounds = { exclusive: true, ordered: false, idleMs: leaseMs + 1_000, ...cell.bounds };
  await arena.work();
  await sleep(arena.random.between(100, 300));
  await cell.inject(arena);
  arena.note({ f: 'healed' });
  if (cell.abrupt !== true) await sleep(Math.min(leaseMs, bounds.idleMs));
  const events = await arena.settle({ abrupt: cell.abrupt === true });
  const measures = measureHistory(events, bounds);
  const sentences = cell.judge?.(events, arena) ?? [];
  if (measures.acquisitions === 0) sentences.push('nobody got a lock at all');
  const violations = [...checkHistory(events, bounds), ...inRow(sentences)];
  if (violations.length > 0)
    violations.push(...inRow([`the history is kept in ${keep(`row-${cell.row}`, events)}`]));
  return { violations, measures };
}

/** What a row demands besides the rules. */
export function inRow(sentences: readonly string[]): RowViolation[] {
  return sentences.map((message) => ({ rule: 'row', late: true, message, atMs: 0 }));
}

/** What goes wrong once in a hundred runs must not be lost. */
export function keep(what: string, events: readonly HistoryEvent[]): string {
  const path = join(mkdtempSync(join(tmpdir(), `failed-${what}-`)), 'history.jsonl');
  writeFileSync(path, events.map((event) => JSON.stringify(event)).join('\n'));
  return path;
}

/** The caller was told this at least once. */
export function told(events: readonly HistoryEvent[], code: string): string[] {
  const codes = new Set(events.flatMap((e) => (e.f === 'acquire' && e.type === 'fail' ? [e.code] : [])));
  return codes.has(code) ? [] : [`nobody was told ${code}, only: ${[...codes].join(', ')}`];
}

/** No lease was lost that was renewed. */
export function nobodyLost(events: readonly HistoryEvent[]): string[] {
  const lost = events.filter((event) => event.f === 'lost');
  return lost.length === 0 ? [] : [`${lost.length} leases were lost, the first: ${JSON.stringify(lost[0])}`];
}

/** Several times, a little apart. */
export async function repeatedly(
  { arena, forMs = LEASE_MS }: { readonly arena: Arena; readonly forMs?: number },
  act: () => unknown,
): Promise<void> {
  const endsAtMs = performance.now() + forMs;
  while (performance.now() < endsAtMs) {
    await act();
    await sleep(arena.random.between(10, 80));
  }
}

/** Of a run without a history. */
export const NOTHING: HistoryMeasures = {
  acquisitions: 0,
  worstWaitMs: 0,
  overlaps: 0,
  worstTellMs: 0,
  worstIdleMs: 0,
  refusedWrites: 0,
  fences: new Map(),
};

/** What every machine has. */
export const always = (): null => null;
