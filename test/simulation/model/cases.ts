import { type Script, SCRIPTED } from '../scripted-scripts.js';
import { type ClientBugs, ClientRules } from './client-rules.js';
import { type Exploration, explore, type ExploreOptions } from './explore.js';
import { Moves } from './moves.js';
import type { ScriptName } from '../../../lib/stores/redis/redis-link.js';
import { Steps } from './steps.js';
import { type Budget, NO_FAULTS, type World } from './world.js';

/** A small world: how many clients, how often each acquires, and what may go wrong in one run, and how often. */
export interface Case {
  readonly clients: number;
  readonly cycles: number;
  /** May a client also try without waiting? */
  readonly tries?: boolean;
  /** How many waiters the queue takes. */
  readonly mostQueued?: number;
  /** The server does not say who listens: locks are kept for polls, not pushed. */
  readonly uncounted?: boolean;
  readonly budget: Partial<Budget>;
}

/** A mistake that one could make, and the smallest case in which the checker finds it. Each of them is a protection switched off. */
export interface SeededBug extends Partial<Case> {
  readonly budget: Case['budget'];
  readonly name: string;
  /** The law that it breaks first. */
  readonly breaks: string;
  /** Found only after tens of thousands of states. */
  readonly isFar?: boolean;
  readonly scripts?: Partial<Record<ScriptName, Script>>;
  readonly client?: ClientBugs;
}

/** Where a case begins, and everything that can happen from there. */
export function worldOf(it: Case & Partial<SeededBug>): { moves: Moves; start: World } {
  const { mostQueued, uncounted } = it;
  const steps = new Steps(
    new ClientRules(it.client),
    { ...SCRIPTED, ...it.scripts },
    { mostQueued, uncounted },
  );
  const start = steps.start(it.clients, it.cycles, { ...NO_FAULTS, ...it.budget });
  return { moves: new Moves(steps, it.tries === true), start };
}

export function check(it: Case & Partial<SeededBug>, options: Partial<ExploreOptions> = {}): Exploration {
  const bounds = { order: 'breadth', mostStates: Infinity, mostMs: Infinity } as const;
  return explore({ ...worldOf(it), ...bounds, ...options });
}

export function describeCase({ clients, cycles, tries, mostQueued, uncounted, budget }: Case): string {
  const faults = Object.entries(budget).map(([fault, times]) => `${times} ${fault}`);
  const also = [
    tries ? ', tries' : '',
    mostQueued ? `, at most ${mostQueued} queued` : '',
    uncounted ? ', uncounted' : '',
  ];
  return `${clients} × ${cycles}${also.join('')}: ${faults.join(', ') || 'no faults'}`;
}

/** In every `npm test`. */
export const FAST_CASES: readonly Case[] = [
  { clients: 2, cycles: 1, budget: { lostPush: 1, cancel: 1, crash: 1 } },
  { clients: 2, cycles: 1, tries: true, budget: { cut: 1 } },
  { clients: 2, cycles: 1, budget: { slow: 2, renew: 1 } },
  { clients: 2, cycles: 1, budget: { giveUp: 1, slow: 1 } },
  { clients: 2, cycles: 1, tries: true, budget: { deaf: 1, lostPush: 1, cancel: 1 } },
  { clients: 2, cycles: 1, budget: { wipe: 1, force: 1, queueEnd: 1 } },
  { clients: 2, cycles: 1, budget: { rollback: 1 } },
  { clients: 3, cycles: 1, budget: {} },
  { clients: 2, cycles: 1, budget: { astray: 2, slow: 1 } },
  { clients: 2, cycles: 1, budget: { astray: 1, yield: 1, crash: 1 } },
  { clients: 2, cycles: 1, uncounted: true, budget: { slow: 1, cancel: 1, crash: 1 } },
  { clients: 3, cycles: 1, uncounted: true, budget: {} },
  { clients: 2, cycles: 1, uncounted: true, budget: { yield: 1, lostPush: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, lostPush: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, giveUp: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, slow: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, crash: 1, cancel: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, clockBack: 1 } },
  { clients: 2, cycles: 1, budget: { count: 1, clockBack: 1, force: 1 } },
  { clients: 3, cycles: 1, mostQueued: 1, budget: { cancel: 1 } },
];

/** `npm run test:model`: minutes. */
export const LARGE_CASES: readonly Case[] = [
  { clients: 2, cycles: 1, budget: { cut: 1, slow: 1, crash: 1, cancel: 1, lostPush: 1 } },
  { clients: 2, cycles: 1, tries: true, budget: { cut: 2, slow: 1 } },
  { clients: 2, cycles: 1, budget: { giveUp: 1, slow: 2, renew: 1, cancel: 1, deaf: 1 } },
  { clients: 2, cycles: 1, budget: { force: 1, wipe: 1, cut: 1, slow: 1, lostPush: 1 } },
  { clients: 2, cycles: 1, budget: { rollback: 1, slow: 1, renew: 1, cancel: 1 } },
  { clients: 2, cycles: 2, tries: true, budget: {} },
  { clients: 2, cycles: 2, budget: { lostPush: 1, cancel: 1, crash: 1 } },
  { clients: 2, cycles: 2, budget: { slow: 1, wipe: 1 } },
  { clients: 2, cycles: 2, budget: { cut: 1 } },
  { clients: 3, cycles: 1, budget: { crash: 1, lostPush: 1, cancel: 1 } },
  { clients: 3, cycles: 1, budget: { slow: 1, cancel: 1 } },
  { clients: 3, cycles: 1, budget: { deaf: 1, crash: 1, queueEnd: 1 } },
  { clients: 3, cycles: 1, budget: { cut: 1 } },
  { clients: 3, cycles: 1, budget: { rollback: 1 } },
  { clients: 3, cycles: 1, budget: { astray: 2, lostPush: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, cut: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 2, count: 1, cut: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, cut: 1, slow: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 2, slow: 2 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, renew: 1, slow: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, wipe: 1, force: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, rollback: 1 } },
  { clients: 2, cycles: 1, budget: { yield: 1, count: 1, clockBack: 1, force: 1 } },
  { clients: 3, cycles: 1, budget: { yield: 1 } },
  { clients: 3, cycles: 1, budget: { yield: 1, crash: 1, lostPush: 1 } },
  { clients: 3, cycles: 1, mostQueued: 1, budget: { yield: 1, cancel: 1 } },
];
