import type { AdapterId } from '../adapters/index.js';
import type { LockClient, OpenOptions } from '../adapters/adapter.js';
import type { FailedKind } from '../run/outcome.js';
import type { SentCommands } from './sent-commands.js';

/** What a process measures, by name: the parent names it, the child finds it. */
export interface Role<P, R> {
  readonly name: string;
  readonly run: (place: Place, params: P) => Promise<R>;
}

export interface Place {
  readonly url: string;
  /** A new client of the library that is measured. */
  open(options?: Omit<OpenOptions, 'url'>): Promise<LockClient>;
  /** Tells the parent that the preparations are over, and waits for the moment that it names. */
  start(told?: unknown): Promise<{ readonly startNs: number }>;
  /** What this process sends to Redis. */
  readonly sent: SentCommands;
}

export interface Job {
  readonly role: string;
  readonly adapter: AdapterId;
  readonly url: string;
  readonly params: unknown;
}

export type ToChild = { readonly kind: 'go'; readonly startNs: number };

export type FromChild =
  | { readonly kind: 'ready'; readonly told: unknown }
  | { readonly kind: 'result'; readonly result: unknown }
  | { readonly kind: 'error'; readonly message: string; readonly outcome: FailedKind };

const ROLES = new Map<string, (place: Place, params: never) => Promise<unknown>>();

export function role<P, R>(name: string, run: Role<P, R>['run']): Role<P, R> {
  if (ROLES.has(name)) throw new Error(`two roles are called ${name}`);
  ROLES.set(name, run);
  return { name, run };
}

export function findRole(name: string): (place: Place, params: never) => Promise<unknown> {
  const found = ROLES.get(name);
  if (found === undefined) throw new Error(`no role is called ${name}`);
  return found;
}
