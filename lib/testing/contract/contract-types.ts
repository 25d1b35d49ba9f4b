import type { Clock } from '../../runtime/clock.js';
import type { LockStore } from '../../stores/lock-store.js';

/** The two functions the suite needs from a test runner; those of Jest, Vitest and `node:test` fit as they are. */
export interface ContractRunner {
  readonly describe: (title: string, register: () => void) => unknown;
  readonly it: (title: string, run: () => Promise<void>) => unknown;
}

/** One empty place where locks are kept (a server, a schema, a folder). Each case opens one of its own. */
export interface ContractPlace {
  /** What the managers of this case use; another case on the same server must not see their names. */
  readonly prefix: string;
  /** Leave it out for a store that lives in real time. */
  readonly clock?: Clock;
  /** A new, unattached store on this place: each is a process of its own to the others. */
  openStore(): LockStore;
  /** Lets `ms` pass: moves the clock by hand, or waits. */
  advance(ms: number): Promise<void>;
  /** After all stores are closed. */
  close(): Promise<void>;
}

/** Looks at the place, and damages it, without the code under test. */
export interface OutsideProbe {
  /** The owner token that is stored as the holder's; null when nobody holds the name. */
  ownerToken(name: string): Promise<string | null>;
  /** Every key under the prefix of the place. */
  keys(): Promise<string[]>;
  /** Somebody else's owner token takes the place of the holder's, and nobody is told. */
  overwriteOwner(name: string): Promise<void>;
  /** Total loss of data: a restart without persistence, FLUSHALL. */
  wipe(): Promise<void>;
}

export interface StoreContractOptions<P extends ContractPlace> {
  /** For the title: "memory". */
  readonly name: string;
  readonly runner: ContractRunner;
  open(): Promise<P>;
  /** Without it the cases that look from outside are left out; a store with a server should have it. */
  outside?(place: P): OutsideProbe;
  /**
   * A lease that a case lets run out, in ms; at least 100; default 300. Shorter makes a run in real time faster, and more easily
   * disturbed by a busy machine.
   */
  readonly leaseMs?: number;
}
