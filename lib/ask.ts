import { type ClockReading, readClocks } from './clock.js';
import type { LineSurroundings } from './line-surroundings.js';
import type { AcquireSettings } from './lock-options.js';
import { Stop } from './stop-signal.js';
import type { AcquireRequest, LockMode, WaitingNews } from './stores/lock-store.js';

/** How a line asks: once; for a place in the store's queue; or for a new place while it gives the hold away. */
export type AskKind = 'once' | 'place' | 'yield';

/** Whose it is. */
export interface Asker {
  readonly name: string;
  onWaiting(ask: Ask, news: WaitingNews): void;
}

/**
 * One request of a line to the store, from the question to grant or refusal; aborted, it gives up its place. One object for all of
 * it (the request, its signal, the clocks when it was made), because one is made for every acquisition.
 */
export class Ask extends Stop implements AcquireRequest {
  readonly name: string;
  readonly ownerToken: string;
  readonly leaseMs: number;
  readonly mode: LockMode;
  readonly label: string;
  readonly maxWaitingProcesses: number;
  readonly wait: boolean;
  readonly yields: boolean;
  /** Both clocks as they stood when the store was asked. */
  readonly asOf: ClockReading;
  /** The store says that somebody else has the lock. */
  queued = false;
  /** A field of its own: who wraps a store may copy the request. */
  readonly onWaiting: ((news: WaitingNews) => void) | undefined;

  constructor(
    asker: Asker,
    settings: AcquireSettings,
    { kind, around }: { kind: AskKind; around: LineSurroundings },
  ) {
    super();
    this.name = asker.name;
    this.ownerToken = around.randomness.ownerToken();
    this.leaseMs = settings.leaseMs;
    this.mode = settings.mode;
    this.label = settings.label;
    this.maxWaitingProcesses = settings.maxWaitingProcesses;
    this.wait = kind !== 'once';
    this.yields = kind === 'yield';
    this.asOf = readClocks(around.clock);
    this.onWaiting = this.wait ? (news) => this.#hear(asker, news) : undefined;
  }

  #hear(asker: Asker, news: WaitingNews): void {
    if (news.error === undefined) this.queued = true;
    asker.onWaiting(this, news);
  }
}
