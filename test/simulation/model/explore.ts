import { describeWorld } from './fingerprint.js';
import { checkEnd, Violation } from './laws.js';
import type { Move, Moves } from './moves.js';
import { END, StateTable } from './state-table.js';
import type { World } from './world.js';

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Different ends. */
  readonly ends: number;
  /** Was every state seen? false: stopped at `mostStates` or after `mostMs`. */
  readonly complete: boolean;
  readonly tookMs: number;
  readonly violation: { readonly law: string; readonly trace: readonly string[] } | undefined;
}

export interface ExploreOptions {
  readonly moves: Moves;
  readonly start: World;
  /** Breadth first finds the shortest trace, depth first needs little memory. */
  readonly order: 'breadth' | 'depth';
  readonly mostStates: number;
  readonly mostMs: number;
  readonly onProgress?: (states: number, transitions: number) => void;
}

/** Visits every state that can be reached. The first broken law ends it. */
export function explore(options: ExploreOptions): Exploration {
  const startedAt = performance.now();
  const run = new Run(options);
  const violation = run.all();
  const { table, transitions, ends, complete } = run;
  return {
    states: table.size,
    transitions,
    ends,
    complete,
    violation,
    tookMs: performance.now() - startedAt,
  };
}

class Run {
  readonly table = new StateTable();
  transitions = 0;
  ends = 0;
  complete = true;

  constructor(private readonly options: ExploreOptions) {}

  all(): Exploration['violation'] {
    const { start, order, mostStates, mostMs, onProgress } = this.options;
    const endsAt = performance.now() + mostMs;
    this.table.add(describeWorld(start), -1);
    let frontier: [World, number][] = [[start, 0]];
    let from = 0;
    let turns = 0;
    while (from < frontier.length) {
      const [world, index] = order === 'breadth' ? frontier[from++]! : frontier.pop()!;
      if (from > 100_000) {
        frontier = frontier.slice(from);
        from = 0;
      }
      if (this.table.size > mostStates || (++turns % 1_000 === 0 && performance.now() > endsAt)) {
        this.complete = false;
        return undefined;
      }
      try {
        this.#expand(world, index, frontier);
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        return { law: error.message, trace: this.#trace(index, error) };
      }
      if (turns % 50_000 === 0) onProgress?.(this.table.size, this.transitions);
    }
    return this.#stuck();
  }

  #expand(world: World, index: number, frontier: [World, number][]): void {
    const { moves } = this.options;
    const isEnd = moves.isEnd(world);
    if (isEnd) {
      this.ends += 1;
      checkEnd(world);
    }
    let best = Infinity;
    for (const { next, turn = Infinity } of moves.of(world)) {
      const after = next();
      this.transitions += 1;
      const { index: found, isNew } = this.table.add(describeWorld(after), index);
      if (isNew) frontier.push([after, found]);
      if (turn >= best) continue;
      best = turn;
      this.table.wayOn[index] = found;
    }
    if (isEnd) this.table.wayOn[index] = END;
  }

  /** Does the way on, in which nothing goes wrong any more, lead from every state to an end at which everybody was served? */
  #stuck(): Exploration['violation'] {
    const index = this.table.findStuck();
    if (index === -1) return undefined;
    return { law: 'from every state everybody who waits is served in the end', trace: this.#trace(index) };
  }

  /** How the world got there: the same moves once more, along the states that led to it. */
  #trace(index: number, violation?: Violation): string[] {
    const { moves, start } = this.options;
    const path: number[] = [];
    for (let at = index; at !== -1; at = this.table.parent[at]!) path.unshift(at);
    let world = start;
    const labels: string[] = [];
    for (const wanted of path.slice(1)) {
      const move = moves.of(world).find(({ next }) => this.#indexAfter(next) === wanted)!;
      labels.push(move.label);
      world = move.next();
    }
    if (violation === undefined) return [...labels, `stuck: ${describeWorld(world)}`];
    const last = moves.of(world).find(({ next }) => this.#breaks(next));
    return [...labels, `${last?.label ?? 'the end'} ← breaks it`];
  }

  #indexAfter(next: Move['next']): number {
    try {
      return this.table.find(describeWorld(next()));
    } catch {
      return -1;
    }
  }

  #breaks(next: Move['next']): boolean {
    try {
      next();
      return false;
    } catch {
      return true;
    }
  }
}
