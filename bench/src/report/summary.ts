import { median } from 'simple-statistics';

import type { AdapterId } from '../adapters/index.js';
import type { Outcome, Values } from '../run/outcome.js';
import type { Row, ScenarioRows } from '../run/run-scenarios.js';
import type { Column, RatioColumn } from '../scenarios/scenario.js';

/** Ours, what is written by hand and no lock at all are not peers. */
export function isPeer(id: AdapterId): boolean {
  return !id.startsWith('ours') && !id.startsWith('floor') && id !== 'none';
}

const SAYS = { broken: '**did not hold**', failed: 'failed', unable: 'cannot' } as const;

/** A scenario's rows as numbers: medians over the rounds, and ratios. */
export class Summary {
  constructor(private readonly rows: ScenarioRows) {}

  get scenario(): ScenarioRows['scenario'] {
    return this.rows.scenario;
  }

  get ids(): AdapterId[] {
    return this.rows.rows.map(({ id }) => id);
  }

  /** Why there is no number: one broken round is enough, because a lock that failed once cannot be relied on. */
  problem(id: AdapterId): string | undefined {
    const { rounds } = this.#row(id);
    const broken = rounds.find(({ kind }) => kind === 'broken');
    const first = broken ?? (rounds.every(({ kind }) => kind !== 'measured') ? rounds[0] : undefined);
    return first === undefined || first.kind === 'measured'
      ? undefined
      : `${SAYS[first.kind]}: ${first.reason}`;
  }

  /** How many of its rounds failed, when others did not. */
  failedRounds(id: AdapterId): number {
    return this.#row(id).rounds.filter(({ kind }) => kind === 'failed').length;
  }

  /** The median over the rounds; undefined: there is none to show. */
  value(id: AdapterId, key: string): number | undefined {
    if (!this.ids.includes(id) || this.problem(id) !== undefined) return undefined;
    return medianOf(this.#row(id).rounds.map((outcome) => measured(outcome)?.[key]));
  }

  /**
   * How many times better, or the quotient. Each round is compared with the same round of the other, so that a slow minute of the
   * machine hits both; the median of that.
   */
  ratio(id: AdapterId, { of, to, as }: Omit<RatioColumn, 'title'>): number | undefined {
    if (!this.ids.includes(id) || this.problem(id) !== undefined) return undefined;
    const better = this.column(of)?.better ?? 'more';
    const others = this.ids.filter((other) => (to === 'best peer' ? isPeer(other) : other === to));
    const usable = others.filter((other) => this.problem(other) === undefined);
    return medianOf(
      this.#row(id).rounds.map((outcome, round) => {
        const bases = usable.map((other) => measured(this.#row(other).rounds[round])?.[of]).filter(isNumber);
        const value = measured(outcome)?.[of];
        if (value === undefined || bases.length === 0) return undefined;
        const base = better === 'less' ? Math.min(...bases) : Math.max(...bases);
        return better === 'less' && as !== 'quotient' ? base / value : value / base;
      }),
    );
  }

  column(key: string): Column | undefined {
    return this.scenario.columns.find((column) => column.key === key);
  }

  #row(id: AdapterId): Row {
    const row = this.rows.rows.find((each) => each.id === id);
    if (row === undefined) throw new Error(`${id} has no row in ${this.scenario.id}`);
    return row;
  }
}

function measured(outcome: Outcome | undefined): Values | undefined {
  return outcome?.kind === 'measured' ? outcome.values : undefined;
}

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const numbers = values.filter(isNumber);
  return numbers.length === 0 ? undefined : median(numbers);
}

function isNumber(value: number | undefined): value is number {
  return value !== undefined && !Number.isNaN(value);
}
