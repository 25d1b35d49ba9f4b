import { SCRIPTED } from '../scripted-scripts.js';
import { ClientRules } from './client-rules.js';
import { type Exploration, explore, type ExploreOptions } from './explore.js';
import { Moves } from './moves.js';
import type { SeededBug } from './seeded-bugs.js';
import { Steps } from './steps.js';
import { type Budget, NO_FAULTS } from './world.js';

/** A small world: how many clients, how often each acquires, and what may go wrong in one run, and how often. */
export interface Case {
  readonly clients: number;
  readonly cycles: number;
  /** May a client also try without waiting? */
  readonly tries?: boolean;
  readonly budget: Partial<Budget>;
}

export function check(it: Case & Partial<SeededBug>, options: Partial<ExploreOptions> = {}): Exploration {
  const steps = new Steps(new ClientRules(it.client), { ...SCRIPTED, ...it.scripts });
  const start = steps.start(it.clients, it.cycles, { ...NO_FAULTS, ...it.budget });
  return explore({
    moves: new Moves(steps, it.tries === true),
    start,
    order: 'breadth',
    mostStates: Infinity,
    ...options,
  });
}

export function describeCase({ clients, cycles, tries, budget }: Case): string {
  const faults = Object.entries(budget).map(([fault, times]) => `${times} ${fault}`);
  return `${clients} × ${cycles}${tries ? ', tries' : ''}: ${faults.join(', ') || 'no faults'}`;
}
