import type { HeldKind, HistoryEvent } from './history-events.js';

/** Everything that one acquisition did, from the call to the end of its lease. */
export interface Call {
  readonly call: string;
  readonly p: string;
  readonly name: string;
  readonly invokedAtMs: number;
  readonly boundMs: number | null;
  readonly inLine: boolean;
  /** Its place among all events of the history: decides between two that have the same time. */
  readonly index: number;
  settled?: Moment & { readonly granted: boolean };
  /** How it holds the name, from when on: at first as it was asked for. */
  readonly kinds: { readonly kind: HeldKind; readonly fromMs: number }[];
  /** Waits for an upgrade. Infinity: it did not end. */
  readonly upgrades: { readonly fromMs: number; untilMs: number }[];
  readonly weight: number;
  /** That its caller gives. */
  readonly limit: number | undefined;
  /** Fencing tokens it was told, with the moment: usually one. */
  readonly fences: Told[];
  readonly renewals: Renewal[];
  readonly writes: Write[];
  readonly releases: Release[];
  /** The last deadline that it was given while it still believed. */
  deadlineMs: number;
  lost?: Moment & { readonly cause: string; readonly deadlineMs: number };
  /** Its process was killed before anything else ended it. */
  crashedAtMs?: number;
}

/** A fencing token that a call was told. */
export interface Told {
  readonly fence: number;
  readonly atMs: number;
  readonly askedAtMs: number;
  readonly kind: HeldKind;
}

interface Moment {
  readonly atMs: number;
  readonly index: number;
}

interface Renewal {
  readonly invoked: Moment;
  answer?: { readonly type: 'ok' | 'lost' | 'unknown'; readonly fence?: number };
}

export interface Write {
  readonly invokedAtMs: number;
  readonly checkedAtMs: number;
  readonly fence: number;
  answer?: { readonly type: 'accepted' | 'refused'; readonly version?: number };
}

interface Release {
  readonly invoked: Moment;
  result?: 'released' | 'lost' | 'failed';
  asked?: boolean;
}

export interface Place {
  readonly place: string;
  readonly p: string;
  readonly name: string;
  readonly kind: HeldKind;
  readonly askedAtMs: number;
  queuedAtMs?: number;
  grantedAtMs?: number;
}

/** A name that a call for several of them holds. */
export interface Part {
  readonly p: string;
  readonly name: string;
  readonly fromMs: number;
  /** Infinity: to the end. */
  untilMs: number;
}

/** A limit that an operator set, or took away. */
export interface LimitSetting {
  readonly name: string;
  readonly limit: number | null;
  readonly invokedAtMs: number;
  /** Infinity: nobody knows when, or whether. */
  endedAtMs: number;
}

export interface Force {
  readonly name: string;
  readonly invokedAtMs: number;
  /** Infinity: nobody knows when, or whether. */
  endedAtMs: number;
}

export interface Pause {
  /** Who saw it: the process itself, or the observer. Their reports may overlap. */
  readonly by: string;
  readonly fromMs: number;
  untilMs: number;
}

export interface ProcessLife {
  readonly pauses: Pause[];
  crashedAtMs?: number;
  leftovers?: readonly string[];
}

/** A history sorted by call, name and process, which is what the rules look at. */
export interface HistoryIndex {
  readonly calls: ReadonlyMap<string, Call>;
  readonly places: ReadonlyMap<string, Place>;
  readonly parts: readonly Part[];
  readonly forces: readonly Force[];
  readonly limits: readonly LimitSetting[];
  readonly processes: ReadonlyMap<string, ProcessLife>;
  readonly observed: readonly HistoryEvent[];
  /** Without a `healed` event the whole history counts as healthy. */
  readonly healedAtMs: number;
  readonly endsAtMs: number;
}
