import type { AdapterId } from '../adapters/index.js';
import type { Adapter } from '../adapters/adapter.js';
import type { ProcessOptions } from '../run/measured-process.js';
import type { Values } from '../run/outcome.js';
import type { BenchRedis } from '../run/redis-server.js';

export interface Column {
  /** In {@link Values}. */
  readonly key: string;
  readonly title: string;
  readonly digits: number;
  /** What is better; for the best peer's ratio. */
  readonly better?: 'less' | 'more';
}

/** A column computed from the medians: how many times better a row is than another, or than the best of the peers. */
export interface RatioColumn {
  readonly of: string;
  readonly to: 'floor' | 'best peer';
  readonly title: string;
}

export interface Measuring {
  readonly id: AdapterId;
  readonly adapter: Adapter;
  readonly redis: BenchRedis;
  /** For `runAlone` and `runTogether`. */
  readonly inProcess: (boundMs: number, more?: Partial<ProcessOptions>) => ProcessOptions;
  /** How long to measure: a quick run takes a part of the usual time. */
  readonly ms: (usual: number) => number;
}

export interface Scenario {
  /** For `--only`. */
  readonly id: string;
  readonly title: string;
  /** How it is measured and checked, for the reader of the table. */
  readonly how: string;
  readonly columns: readonly Column[];
  readonly ratios?: readonly RatioColumn[];
  readonly takesPart: (adapter: Adapter) => boolean;
  /** @throws BrokenLockError when the lock did not hold; any other error when it cannot be measured */
  readonly measure: (measuring: Measuring) => Promise<Values>;
}

/** Variants of ours and of the floor are for the scenarios in which they differ. */
export function isMainRow({ id }: Adapter): boolean {
  return id !== 'ours-no-cohort' && id !== 'floor-pipelined';
}
