import { type Mutant, suite } from './mutant.js';

const REFUSALS = 'lib/waiting/refusals.ts';
const ACQUISITIONS = 'lib/waiting/acquisitions.ts';
const REFUSED = 'test/engine/refused.spec.ts';

/** Who is refused is told of, once. */
export const refusedMutants: readonly Mutant[] = [
  {
    name: 'refused: a part of several names is no call of its own',
    edits: [{ file: ACQUISITIONS, find: 'if (wanted.isPart !== true) this.#refused', put: 'this.#refused' }],
    suites: [suite(REFUSED, 'once for several names')],
  },
  {
    name: 'refused: the reason of a caller comes before what kind of error it is',
    edits: [
      {
        file: REFUSALS,
        find: "&& signal.reason === error) return 'aborted';",
        put: "&& false) return 'aborted';",
      },
    ],
    suites: [suite(REFUSED, 'aborted')],
  },
  {
    name: 'refused: a null of tryAcquire',
    edits: [
      {
        file: ACQUISITIONS,
        find: 'if (this.place.refusals.areHeard) this.place.refusals.busy(callOf(wanted));',
        put: '',
      },
    ],
    suites: [suite(REFUSED, 'gets null')],
  },
  {
    name: 'refused: who had left before it came',
    edits: [
      {
        file: ACQUISITIONS,
        find: 'this.place.refusals.failed({ names: all, settings, calledAtMs }, reason);',
        put: '',
      },
    ],
    suites: [suite(REFUSED, 'aborted')],
  },
  {
    name: 'refused: who skips is skipped, not refused',
    edits: [
      {
        file: 'src/decorators/locked-options.ts',
        find: "onBusy === 'skip' ? { ...acquire, skipsWhenBusy: true } : acquire",
        put: 'acquire',
      },
    ],
    suites: [suite('test/nest/refused.spec.ts', 'skipped')],
  },
  {
    name: 'a tick: a timer that is a little early belongs to the time it was set for',
    edits: [{ file: 'src/schedule/scheduled-time.ts', find: 'nowMs + EARLY_MS', put: 'nowMs' }],
    suites: [suite('test/nest/scheduled-time.spec.ts', 'too early')],
  },
  {
    name: 'a tick: a late job belongs to the last time, not to the first one found',
    edits: [{ file: 'src/schedule/scheduled-time.ts', find: 'found = atMs;', put: 'found ??= atMs;' }],
    suites: [suite('test/nest/scheduled-time.spec.ts', 'exactly then')],
  },
  {
    name: 'refused: @Locked tells its template',
    edits: [
      {
        file: 'src/decorators/locked.decorator.ts',
        find: '{ ...acquireOptionsOf(options, place), ...templateOf(names) }',
        put: 'acquireOptionsOf(options, place)',
      },
    ],
    suites: [suite('test/nest/refused.spec.ts', 'names class and method')],
  },
];
