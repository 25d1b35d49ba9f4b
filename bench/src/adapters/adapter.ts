/** What is done while the lock is held. */
export type Work = () => Promise<unknown>;

/** One client of a library, as one process of an application has it: connections of its own. */
export interface LockClient {
  /** Waits as long as it takes, takes the lock, runs the work, gives the lock back. */
  using(name: string, work: Work): Promise<unknown>;
  /** The same for several names, all or none. Left out: the library has no such thing. */
  usingAll?(names: readonly string[], work: Work): Promise<unknown>;
  /** Beside others who do the same, never beside one in `using`. Left out: the library has no read/write lock. */
  usingShared?(name: string, work: Work): Promise<unknown>;
  /** At most `limit` at once, over all processes. Left out: the library has no such thing. */
  usingLimited?(name: string, limit: number, work: Work): Promise<unknown>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Where Redis is. */
  readonly url: string;
  /**
   * A lease of this length, kept alive by the library. Left out: the cheapest way that the library documents, with a lease of
   * {@link LEASE_MS} and, where that can be chosen, no renewal.
   */
  readonly renewedLeaseMs?: number | undefined;
}

export interface Adapter {
  /** For `--libs`. */
  readonly id: string;
  /** For tables. */
  readonly label: string;
  /** Where the version is read; '' for code of our own. */
  readonly packageName: string;
  /** How it was set up, for the reader who asks whether that was fair. */
  readonly setUp: string;
  /** At what part of the lease it renews; a third where that can be chosen. null: it does not keep a lock alive by itself. */
  readonly renewsAt: number | null;
  /** Do its clients have `usingAll`? */
  readonly severalNames?: boolean;
  /** Do its clients have `usingShared`? */
  readonly shared?: boolean;
  /** Do its clients have `usingLimited`? */
  readonly limits?: boolean;
  open(options: OpenOptions): Promise<LockClient>;
}

/** Long enough that no measurement outlives it. */
export const LEASE_MS = 30_000;

/**
 * How long a library that polls waits between two tries: half of the shortest default among them (10 ms), which helps their speed
 * and costs them commands. Some add a random part, where they document one.
 */
export const RETRY_MS = 5;

/** Two more tries fit in before the lease ends. */
export const RENEW_AT = 1 / 3;

/** Enough that nobody gives up. */
export const RETRIES = 1_000_000;
