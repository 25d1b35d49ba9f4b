import { type ClockReading, readClocks } from '../runtime/clock.js';
import type { LineContext } from './line-context.js';
import type { HoldOrigin, HoldOwner } from '../holding/kept-hold.js';
import type { AcquireSettings } from '../acquire-options.js';
import { Stop } from '../runtime/stop-signal.js';
import type { AccessMode, OnSent, WaitingNews, YieldRequest } from '../stores/lock-store.js';

/** How a line asks: once; for a place in the store's queue; or for a new place while it gives the hold away. */
export type RequestKind = 'once' | 'place' | 'yield';

/** Whose it is, and whose the hold will be. */
export interface RequestOwner extends HoldOwner {
  readonly name: string;
  onWaiting(request: LineRequest, news: WaitingNews): void;
}

/**
 * One request of a line to the store, from the question to grant or refusal; aborted, it gives up its place. One object for all of
 * it (the request, its signal, the clocks when it was made), because one is made for every acquisition.
 */
export class LineRequest extends Stop implements YieldRequest, HoldOrigin {
  readonly name: string;
  readonly ownerToken: string;
  readonly leaseMs: number;
  readonly mode: AccessMode;
  readonly limit: number | undefined;
  readonly weight: number;
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
  readonly onSent: OnSent | undefined;

  constructor(
    readonly owner: RequestOwner,
    settings: AcquireSettings,
    { kind, context, onSent }: { kind: RequestKind; context: LineContext; onSent?: OnSent | undefined },
  ) {
    super();
    this.name = owner.name;
    this.ownerToken = context.randomness.ownerToken();
    this.leaseMs = settings.leaseMs;
    this.mode = settings.mode;
    this.limit = settings.limit;
    this.weight = settings.weight;
    this.label = settings.label;
    this.maxWaitingProcesses = settings.maxWaitingProcesses;
    this.wait = kind !== 'once';
    this.yields = kind === 'yield';
    this.asOf = readClocks(context.clock);
    this.onSent = onSent;
    this.onWaiting = this.wait ? (news) => this.#hear(news) : undefined;
  }

  /** Is it good enough for one who asks for this? Another limit or weight is another request. */
  serves(settings: AcquireSettings): boolean {
    return (
      this.leaseMs <= settings.leaseMs && this.limit === settings.limit && this.weight === settings.weight
    );
  }

  #hear(news: WaitingNews): void {
    if (news.error === undefined) this.queued = true;
    this.owner.onWaiting(this, news);
  }
}
