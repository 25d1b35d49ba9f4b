/**
 * Where the sample app keeps its rows: what a database is to an ordinary service. Reading, deciding and writing are separate
 * steps on purpose, so that two requests at once do overwrite each other, unless a lock keeps them apart.
 *
 * A lock alone is not enough: a process may be stopped (garbage collection, a paused machine) in the middle of its section
 * and go on when its lease has long gone to somebody else. So every write says which resource it changes and with which
 * fencing token, and *the state itself* refuses a token smaller than the largest it has seen for that resource.
 */
export abstract class State {
  abstract read<T extends object>(table: string, id: string): Promise<T | undefined>;

  /** Every row of a table, in no particular order. */
  abstract list<T extends object>(table: string): Promise<T[]>;

  /**
   * Writes all rows or none.
   * @throws StaleWriteError when a later holder of this resource's lock has already written
   * @throws UnfencedWriteError when the change has no fencing token and no story runs unlocked
   */
  abstract write(change: Change): Promise<void>;

  /** Closes what the state opened. Nest calls it after the last request has been answered. */
  async onApplicationShutdown(): Promise<void> {}
}

export interface Change {
  /** What the lock protects; the same words as the lock's name. */
  readonly resource: string;
  /** `lease.fencingToken`; undefined: written without a lock, accepted only when the app was started with `UNLOCKED`. */
  readonly fencingToken: number | undefined;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly table: string;
  readonly id: string;
  /** null removes the row. */
  readonly value: object | null;
}

/** How a state treats writes that carry no fencing token. */
export interface StateOptions {
  readonly acceptUnfenced: boolean;
}

/** Somebody who took the lock later has already written: this writer's lease was over, whether it knew it or not. */
export class StaleWriteError extends Error {
  constructor(
    readonly resource: string,
    readonly fencingToken: number,
    /** The largest token that this resource has seen. */
    readonly newestToken: number,
  ) {
    super(
      `stale write to ${resource}: fencing token ${fencingToken} is smaller than ${newestToken}, which has already written`,
    );
    this.name = 'StaleWriteError';
  }
}

/** A write came without a fencing token although every story runs locked: a mistake in this app, not of its client. */
export class UnfencedWriteError extends Error {
  constructor(resource: string) {
    super(`write to ${resource} without a fencing token: pass lease.fencingToken`);
    this.name = 'UnfencedWriteError';
  }
}
