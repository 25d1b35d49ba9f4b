/**
 * What happened, as every process saw it, on one clock that all of them share: on one machine the monotonic clock of the system
 * (`process.hrtime`), in a simulation its virtual time. So the order in time is exact, and each rule is one pass over the list.
 */
export type HistoryEvent = Stamp & Happening;

export type EventOf<F extends HistoryEvent['f']> = Extract<HistoryEvent, { readonly f: F }>;

export interface Stamp {
  /** Which process. The observer (who injects faults and looks at keys) is a process of its own. */
  readonly p: string;
  /** Rises by one for each event of this process. */
  readonly seq: number;
  readonly atMs: number;
}

/** `call` names one acquisition by one caller and everything done with its lease; unique over all processes. */
export type Happening =
  | AcquireHappening
  | RenewHappening
  | LostHappening
  | ReleaseHappening
  | WriteHappening
  | PlaceHappening
  | PartHappening
  | ModeHappening
  | UpgradeHappening
  | LimitHappening
  | ForceHappening
  | ProcessHappening
  | ObserverHappening;

export type AcquireHappening =
  | {
      readonly f: 'acquire';
      readonly type: 'invoke';
      readonly call: string;
      readonly name: string;
      /** It must settle so long after the call; null: not judged (waits for ever). */
      readonly boundMs: number | null;
      /** Does it wait in the line of its process? `tryAcquire` and `waitMs: 0` do not. */
      readonly inLine: boolean;
      /** Default: exclusive. */
      readonly kind?: HeldKind;
      /** Of a permit: how much of the limit it takes, and the limit that its caller gives. */
      readonly weight?: number;
      readonly limit?: number;
    }
  | {
      readonly f: 'acquire';
      readonly type: 'ok';
      readonly call: string;
      readonly name: string;
      readonly fence: number;
      /** Until when the lease says it is ours. */
      readonly deadlineMs: number;
    }
  /** It ended without a lease, for whatever reason. */
  | {
      readonly f: 'acquire';
      readonly type: 'fail';
      readonly call: string;
      readonly name: string;
      readonly code: string;
    };

/** How a name is held. */
export type HeldKind =
  | 'exclusive'
  | 'shared'
  | 'upgradeable'
  | 'limited'
  | 'intention-shared'
  | 'intention-exclusive';

/** An upgrade was granted, or a downgrade is about to be sent. */
export interface ModeHappening {
  readonly f: 'mode';
  readonly call: string;
  readonly kind: HeldKind;
  readonly fence: number;
  /** When it was asked for. */
  readonly askedAtMs: number;
}

/** How long an upgrade was waited for: nobody else is let in meanwhile. */
export interface UpgradeHappening {
  readonly f: 'upgrade';
  readonly type: 'invoke' | 'end';
  readonly call: string;
}

/** An operator sets the limit of a name, null: that of its callers. `info`: nobody knows whether it was executed. */
export interface LimitHappening {
  readonly f: 'limit';
  readonly type: 'invoke' | 'ok' | 'info';
  readonly name: string;
  readonly limit: number | null;
}

export type RenewHappening =
  | { readonly f: 'renew'; readonly type: 'invoke' | 'lost' | 'unknown'; readonly call: string }
  | {
      readonly f: 'renew';
      readonly type: 'ok';
      readonly call: string;
      readonly fence: number;
      readonly deadlineMs: number;
    };

/** The lease told its user: `lease.signal` aborted. */
export interface LostHappening {
  readonly f: 'lost';
  readonly call: string;
  readonly cause: string;
  readonly deadlineMs: number;
}

export type ReleaseHappening =
  | { readonly f: 'release'; readonly type: 'invoke'; readonly call: string }
  | {
      readonly f: 'release';
      readonly type: 'ok';
      readonly call: string;
      readonly result: 'released' | 'lost';
      /** false: the hold stayed in the process (cohort), so the store was not asked and its word is not what was told. Default true. */
      readonly asked?: boolean;
    }
  | { readonly f: 'release'; readonly type: 'fail'; readonly call: string; readonly code: string };

/** A write to the resource that the lock protects and that checks fencing tokens by itself. */
export type WriteHappening =
  | {
      readonly f: 'write';
      readonly type: 'invoke';
      readonly call: string;
      readonly name: string;
      readonly fence: number;
      /** Read before the lease was asked for its state, which then said `held`. */
      readonly checkedAtMs: number;
    }
  | {
      readonly f: 'write';
      readonly type: 'accepted';
      readonly call: string;
      readonly name: string;
      readonly fence: number;
      /** Rises with each write that the resource accepted for this name. */
      readonly version: number;
    }
  | { readonly f: 'write'; readonly type: 'refused'; readonly call: string; readonly name: string };

/** A place in the store's queue, as far as the asking process can tell. One that does not wait is never `queued`. */
export interface PlaceHappening {
  readonly f: 'place';
  readonly type: 'ask' | 'queued' | 'granted' | 'left';
  readonly place: string;
  readonly name: string;
  /** Default: exclusive. */
  readonly kind?: HeldKind;
}

/**
 * The store gave a name to a call that wants several of them, and from then on it is held, although the call may still wait for the
 * others. `left`: it is on its way back.
 */
export interface PartHappening {
  readonly f: 'part';
  readonly type: 'held' | 'left';
  readonly part: string;
  readonly name: string;
}

/** `info`: nobody knows whether it was executed. */
export interface ForceHappening {
  readonly f: 'force';
  readonly type: 'invoke' | 'ok' | 'info';
  readonly name: string;
}

/**
 * `pause` … `resume`: none of its code ran · `crash`: it never runs again · `end`: it has closed; `leftovers` is what it left behind
 * (timers, sockets, unhandled rejections).
 */
export type ProcessHappening =
  | { readonly f: 'process'; readonly type: 'pause' | 'resume' | 'crash'; readonly of: string }
  | {
      readonly f: 'process';
      readonly type: 'end';
      readonly of: string;
      readonly leftovers: readonly string[];
    };

export type ObserverHappening =
  /** The last fault is over: from here on progress is demanded. */
  | { readonly f: 'healed' }
  /** What the fenced resource holds at the end. */
  | { readonly f: 'resource'; readonly name: string; readonly fence: number; readonly version: number }
  /** Keys of ours that are left after everybody has closed, and a lease and `keepMs` have passed. */
  | { readonly f: 'keys'; readonly left: readonly string[] };

export type RuleId = 'M1' | 'M2' | 'M3' | 'M4' | 'M5' | 'L1' | 'L2' | 'F1' | 'R1' | 'E1';

export interface Violation {
  readonly rule: RuleId;
  /** It came too late, which a machine that is too busy does to anything; it is not wrong at whatever time. */
  readonly late?: true;
  /** A sentence that names processes, calls and times. */
  readonly message: string;
  readonly atMs: number;
}

/** Under which conditions a history came about, and how much time each rule allows. */
export interface Bounds {
  /**
   * Did the faults stay inside the declared bounds (the store keeps its data, its clock is not set forward)? Only then M1 is judged;
   * M2 to M5 always are.
   */
  readonly exclusive: boolean;
  /**
   * M2: did the server's clock never go back? Default true. Set back, it gives smaller tokens than before once the trace of a lock is
   * gone, until it has caught up; the resource then refuses everybody (M3 stays).
   */
  readonly rising?: boolean;
  /** Were there no faults at all that concern order? Only then F1 is judged. */
  readonly ordered: boolean;
  /**
   * L1: once healed, nobody waits for a name for longer than this while nobody holds it: a lease, the longest time between two polls,
   * and something for the machine.
   */
  readonly idleMs: number;
  /** E1: how much later than its bound an acquire may settle. Default 250. */
  readonly settleMs?: number;
  /** M4: how much later than its deadline a lease may tell its loss, and a write be sent that was checked in time. Default 250. */
  readonly tellMs?: number;
  /** M2: the largest token that earlier histories saw, by name. */
  readonly fencesBefore?: ReadonlyMap<string, number>;
}
