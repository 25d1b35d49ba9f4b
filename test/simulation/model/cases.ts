import { SCRIPTED } from '../scripted-scripts.js';
import { ClientRules } from './client-rules.js';
import { type Exploration, explore, type ExploreOptions } from './explore.js';
import { Moves } from './moves.js';
import type { SeededBug } from './seeded-bugs.js';
import { Steps } from './steps.js';
import { type Budget, NO_FAULTS, type World } from './world.js';

/** A small world: how many clients, how often each acquires, and what may go wrong in one run, and how often. */
export interface Case {
  readonly clients: number;
  readonly cycles: number;
  /** May a client also try without waiting? */
  readonly tries?: boolean;
  readonly budget: Partial<Budget>;
}

/** Where a case begins, and everything that can happen from there. */
export function worldOf(it: Case & Partial<SeededBug>): { moves: Moves; start: World } {
  const steps = new Steps(new ClientRules(it.client), { ...SCRIPTED, ...it.scripts });
  const start = steps.start(it.clients, it.cycles, { ...NO_FAULTS, ...it.budget });
  return { moves: new Moves(steps, it.tries === true), start };
}

export function check(it: Case & Partial<SeededBug>, options: Partial<ExploreOptions> = {}): Exploration {
  const bounds = { order: 'breadth', mostStates: Infinity, mostMs: Infinity } as const;
  return explore({ ...worldOf(it), ...bounds, ...options });
}

export function describeCase({ clients, cycles, tries, budget }: Case): string {
  const faults = Object.entries(budget).map(([fault, times]) => `${times} ${fault}`);
  return `${clients} × ${cycles}${tries ? ', tries' : ''}: ${faults.join(', ') || 'no faults'}`;
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
];
