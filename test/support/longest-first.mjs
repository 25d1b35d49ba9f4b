import Sequencer from '@jest/test-sequencer';

/**
 * So that the last worker is not busy for minutes when the others have finished. The simulation comes first for one more reason: in a
 * process where somebody has used an AsyncLocalStorage every promise is slow, and it makes millions.
 */
const FIRST = [
  'simulation/simulation.spec.ts',
  'stores/redis.spec.ts',
  'engine/event-loop-turns.spec.ts',
  'faults/matrix.spec.ts',
  'simulation/model-check.spec.ts',
  'sample-app/processes.spec.ts',
  'faults/lost-replies.spec.ts',
  'simulation/differential.spec.ts',
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
