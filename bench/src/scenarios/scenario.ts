import type { AdapterId } from '../adapters/index.js';
import type { Adapter } from '../adapters/adapter.js';
import type { ProcessOptions } from '../run/measured-process.js';
import type { Outcome, Values } from '../run/outcome.js';
import type { BenchRedis } from '../run/redis-server.js';

export interface Column {
  /** In {@link Values}. */
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** What is better; for the best peer's ratio. */
  readonly better?: 'less' | 'more';
}

/** A column that compares a row with another one, or with the best of the peers. */
export interface RatioColumn {
  readonly of: string;
  readonly to: 'floor' | 'best peer' | 'none';
  readonly title: string;
  /** Left out: how many times better. 'quotient': the value divided by the other's, whatever is better. */
  readonly as?: 'quotient';
}

export interface Measuring {
  readonly id: AdapterId;
  readonly adapter: Adapter;
  readonly redis: BenchRedis;
  /** For `runAlone` and `runTogether`. */
  readonly inProcess: (boundMs: number, more?: Partial<ProcessOptions>) => ProcessOptions;
  /** How long to measure: a quick run takes a part of the usual time. Never for a warm-up, which is as long as it must be. */
  readonly ms: (usual: number) => number;
  /** How often to do what is measured; as above. */
  readonly count: (usual: number) => number;
}

interface Described {
  /** For `--only`. */
  readonly id: string;
  readonly title: string;
  /** How it is measured and checked, for the reader of the table. */
  readonly how: string;
  readonly columns: readonly Column[];
  readonly ratios?: readonly RatioColumn[];
  /** Left out: as many as the run has. 1: the figure is exact. */
  readonly rounds?: number;
  readonly takesPart: (adapter: Adapter) => boolean;
}

/** Measures one row at a time, each on an emptied Redis. */
export interface RowByRow extends Described {
  /** @throws BrokenLockError when the lock did not hold; any other error when it cannot be measured */
  readonly measure: (measuring: Measuring) => Promise<Values>;
}

/** Measures all its rows in one go, in short turns, where their difference is smaller than that between two minutes of the machine. */
export interface InTurns extends Described {
  /** `inProcess` is that of the first row. What it throws is the outcome of every row. */
  readonly measureInTurns: (
    measuring: Measuring,
    ids: readonly AdapterId[],
  ) => Promise<ReadonlyMap<AdapterId, Outcome>>;
}

export type Scenario = RowByRow | InTurns;

const VARIANTS: ReadonlySet<string> = new Set([
  'ours-no-cohort',
  'ours-exclusive',
  'ours-sent',
  'floor-pipelined',
  'none',
]);

/** Variants of ours and of the floor are for the scenarios in which they differ. */
export function isMainRow({ id }: Adapter): boolean {
  return !VARIANTS.has(id);
}
