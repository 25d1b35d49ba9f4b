import Sequencer from '@jest/test-sequencer';

/**
 * So that one worker is not busy for minutes when the others have finished; and what waits (the contract on a real server) beside what
 * computes (the simulation) or is sensitive to it (the matrix). The simulation needs a fresh process: where somebody has used an
 * AsyncLocalStorage every promise is four times as slow, and it makes millions.
 */
const FIRST = [
  'stores/store-contract.spec.ts',
  'stores/redis.spec.ts',
  'simulation/simulation.spec.ts',
  'engine/event-loop-turns.spec.ts',
  'faults/matrix.spec.ts',
  'faults/lost-replies.spec.ts',
  'simulation/model-check.spec.ts',
  'engine/starvation.spec.ts',
  'nest/run-unlocked.spec.ts',
  'sample-app/processes.spec.ts',
  'simulation/differential.spec.ts',
  'simulation/gate-model.spec.ts',
  'simulation/seeded-bugs.spec.ts',
  'simulation/gate.spec.ts',
  'faults/leaks.spec.ts',
  'nest/redis.spec.ts',
  'faults/killed-and-frozen.spec.ts',
];

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = FIRST.findIndex((name) => path.endsWith(name));
      return index === -1 ? FIRST.length : index;
    };
    return super.sort(tests).toSorted((a, b) => rank(a) - rank(b));
  }
}
