import type { ScriptedServer } from '../scripted-server.js';

/**
 * One state of a small world: a server, two or three clients, everything that is on its way between them. A step makes a new world and
 * never changes an old one. Time goes in ticks of {@link TICK_MS}; a lease is {@link LEASE_TICKS}, the short first lease of a pushed
 * grant is one. Between two ticks everything happens at once, so that only order matters.
 */
export interface World {
  readonly server: ScriptedServer;
  /** What lies in the server's keys, read once. */
  readonly view: View;
  readonly clients: readonly Client[];
  /** The server's clock; above every number that was ever made from it. */
  readonly nowUs: number;
  /** How many of each fault may still happen in this run. */
  readonly budget: Budget;
  /** The largest fencing token that the server has ever issued. */
  readonly topFence: number;
  /** Data was lost, or a hold was ended by force: exclusion is not promised any more; tokens and answers are. */
  readonly unbounded: boolean;
  /** What the server wrote to its disk at some moment, and may come back with. */
  readonly saved: { readonly server: ScriptedServer; readonly view: View } | undefined;
  /** It did: what it says of the past may be wrong. */
  readonly rolledBack: boolean;
  /** The server's clock was set back to the last grant, and stands there until the next tick, which sets it right. */
  readonly behindUs: number | undefined;
  /** Requests of a live client may be executed after it is through with them. What they leave behind runs out by itself. */
  readonly late: boolean;
}

/** A little more than the 5 seconds of a first lease, so that a tick always ends it, as it does in life a moment later. */
export const TICK_MS = 5_001;
export const LEASE_TICKS = 2;
export const LEASE_MS = 10_000;
export const KEEP_MS = 5_000;
export const KEYS = ['lock:{x}', 'lock:{x}:q'] as const;

/** `member`: a token is client × 8 + cycle. */
export type TokenId = number;

/** What the keys say. */
export interface View {
  /** '' when there is no key. */
  readonly flag: '' | 'f' | 'h' | 'H';
  readonly fence: number;
  readonly lineage: number;
  /** -1 when nobody holds it. */
  readonly owner: TokenId;
  /** Until the state key ends. */
  readonly ticksLeft: number;
  readonly queue: readonly { readonly token: TokenId; readonly ticket: number }[];
  /** Does a key exist that would never end? */
  readonly endless: boolean;
}

/** Counts of what may still go wrong (and of renewals, which may go on for ever otherwise). */
export interface Budget {
  /** The command connection breaks: requests in flight are lost or executed late, replies are lost; calls are retried or fail. */
  readonly cut: number;
  /** A call is given up; its request stays on its way and its reply is ignored. */
  readonly giveUp: number;
  readonly lostPush: number;
  /** The subscription breaks for a while: nobody listens. */
  readonly deaf: number;
  /** The subscription goes on at another server: it hears what is published here, and nobody here counts it. */
  readonly astray: number;
  readonly crash: number;
  readonly cancel: number;
  /** A tick while messages are on their way. */
  readonly slow: number;
  readonly renew: number;
  readonly force: number;
  readonly wipe: number;
  /** The server comes back with what it had at an earlier moment. */
  readonly rollback: number;
  /** The queue alone is gone: evicted, or its 90 s have passed. */
  readonly queueEnd: number;
  /** The server's clock is set back a little, for a while. */
  readonly clockBack: number;
  /** A holder hands its lock on inside its process, and so uses one more token. */
  readonly count: number;
  /** A holder comes to the end of its slice: yields or keeps. */
  readonly yield: number;
}

export type Fault = keyof Budget;

export const NO_FAULTS: Budget = {
  cut: 0,
  giveUp: 0,
  lostPush: 0,
  deaf: 0,
  astray: 0,
  crash: 0,
  cancel: 0,
  slow: 0,
  renew: 0,
  force: 0,
  wipe: 0,
  rollback: 0,
  queueEnd: 0,
  clockBack: 0,
  count: 0,
  yield: 0,
};

/** A process with one lock manager. */
export interface Client {
  readonly id: number;
  readonly alive: boolean;
  /** As the server sees it: it is counted. A dead one is counted until the server notices. */
  readonly listening: boolean;
  /** Hears what is published all the same, at another server. */
  readonly elsewhere: boolean;
  /** Acquisitions it will still begin. */
  readonly cycles: number;
  /** Acquisitions begun. */
  readonly begun: number;
  readonly acquisitions: readonly Acquisition[];
  /** In the order in which they were sent; the connection keeps it. */
  readonly requests: readonly Request[];
  /** From a connection that is gone; each may still be executed, once, at any time. */
  readonly strays: readonly Request[];
  readonly replies: readonly Reply[];
  readonly pushes: readonly Push[];
  /** By cycle: did its hold end by its own release? */
  readonly endedCleanly: number;
}

/** redis-acquisition.ts, the lease it becomes, and its end in endings.ts. */
export interface Acquisition {
  readonly token: TokenId;
  readonly waits: boolean;
  /**
   * asking: not settled · held: granted and not given back · yielding: granted, and not used while a yield is unanswered · over: its
   * caller has no use for it any more
   */
  readonly phase: 'asking' | 'held' | 'yielding' | 'over';
  /** Is it in the store's map, so that a push or a late answer is expected? */
  readonly registered: boolean;
  /** An acquire request is unanswered. */
  readonly asking: boolean;
  /** No acquire request has been answered yet. */
  readonly first: boolean;
  /** Asked since the last tick. */
  readonly polled: boolean;
  readonly renewing: boolean;
  /** An answer or a push was lost, so the grant may be newer than it knows; the next renewal tells. */
  readonly unsure: boolean;
  /** It heard of its end by force. */
  readonly condemned: boolean;
  /** May be in the queue. */
  readonly member: boolean;
  readonly ticket: number;
  /** The server's time in the last reply that said «queued»; 0: none yet. */
  readonly heardUs: number;
  /** Ticks from the sending of that request to its execution. */
  readonly lag: number;
  /** Ticks since it began, at most {@link LEASE_TICKS}. */
  readonly age: number;
  readonly fence: number;
  readonly lineage: number;
  /** The last token that was used under the hold: the granted one, or those that follow it. */
  readonly used: number;
  /** Ticks until its own deadline; 0: does not believe. */
  readonly believes: number;
  /** Ends still to be sent and answered. */
  readonly ends: number;
  /** The same for a token of which nothing is known but a push. */
  readonly bareEnds: number;
  /** An end is unanswered. */
  readonly ending: boolean;
}

export interface Request {
  readonly does: 'acquire' | 'release' | 'renew' | 'yield';
  readonly token: TokenId;
  /** Ticks since it was sent. */
  readonly age: number;
  /** Does anybody wait for its reply? */
  readonly awaited: boolean;
  /** Has it been sent before? */
  readonly repeated: boolean;
  readonly waits: boolean;
  readonly ticket: number;
  readonly fence: number;
  readonly lineage: number;
  readonly used: number;
  readonly member: boolean;
  /** Of a yield: the token of the new place; -1: none. */
  readonly successor: TokenId;
  /** The caller's own release, a background end, or one without knowledge. */
  readonly purpose: 'release' | 'end' | 'bare' | 'yield' | '';
}

export interface Reply {
  readonly request: Request;
  readonly lag: number;
  /** First element after the nonce; for renewals, of the one answer. */
  readonly code: number;
  readonly fence: number;
  readonly lineage: number;
  /** Ticks. */
  readonly left: number;
  readonly ticket: number;
  readonly serverUs: number;
}

export interface Push {
  readonly token: TokenId;
  readonly forced: boolean;
  /** Passed over, and told to ask. */
  readonly woken: boolean;
  readonly fence: number;
  readonly lineage: number;
  readonly grantedUs: number;
  /** Ticks since then. */
  readonly age: number;
}

export const clientOf = (token: TokenId) => token >> 3;
export const cycleOf = (token: TokenId) => token & 7;

/** What a step may still change of the world that it makes. */
export type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** How many ticks a lease of so many milliseconds lasts. */
export const ticksOf = (ms: number) => Math.ceil(ms / TICK_MS);
