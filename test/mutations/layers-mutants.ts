import { contract, type Edit, type Mutant, suite } from './mutant.js';

const MODES = 'lib/stores/lock-modes.ts';
const NAMES = 'lib/layers.ts';
const TOKENS = 'lib/waiting/tokens-above.ts';
const ACQUISITION = 'lib/waiting/joint-acquisition.ts';
const ASK = 'lib/waiting/acquisitions.ts';
const LEASE = 'lib/holding/joint-lease.ts';
const GATE = 'lib/stores/redis/scripts/includes/gate.lua';
const CARRIER = 'lib/stores/redis/redis-carrier.ts';
const ROOTS = 'src/startup/layered-roots.ts';
const LAYERS = 'test/engine/layers.spec.ts';
const RANDOM = suite('test/engine/layers-random.spec.ts');
const REDIS = 'test/stores/redis-layers.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** A lock on a whole and locks on its parts. */
export const layersMutants: readonly Mutant[] = [
  {
    name: 'layers: what is above is held too',
    edits: off(ASK, 'settings.layers ? withAncestors(asked, place) : asked', 'asked'),
    suites: [contract('memory', 'excludes every lock below')],
  },
  {
    name: 'layers: who reads the whole excludes who writes below',
    edits: off(
      MODES,
      "'intention-exclusive': ['intention-shared', 'intention-exclusive'],\n  shared: ['intention-shared', 'shared', 'upgradeable'],",
      "'intention-exclusive': ['intention-shared', 'intention-exclusive', 'shared'],\n  shared: ['intention-shared', 'intention-exclusive', 'shared', 'upgradeable'],",
    ),
    suites: [contract('memory', 'shared above and shared below'), RANDOM],
  },
  {
    name: 'layers: in Redis who writes below waits for the readers of the whole',
    edits: off(GATE, "if mode == 'I' then return gate.used == 0 end", "if mode == 'I' then return true end"),
    suites: [contract('redis', 'shared above and shared below')],
  },
  {
    name: 'layers: in Redis who reads the whole waits for who writes below',
    edits: off(
      GATE,
      "return gate.ix == 0 and (mode == 's' or not gate.u)",
      "return mode == 's' or not gate.u",
    ),
    suites: [contract('redis', 'shared above and shared below')],
  },
  {
    name: 'layers: in Redis the whole waits for all below',
    edits: off(
      GATE,
      "if mode == 'x' then return gate.used == 0 and gate.is == 0 and gate.ix == 0 end",
      "if mode == 'x' then return gate.used == 0 end",
    ),
    suites: [contract('redis', 'excludes every lock below')],
  },
  {
    name: 'layers: the stronger of two intentions is taken',
    edits: off(NAMES, 'known === undefined || covers(mode, known.kind.mode)', 'known === undefined'),
    suites: [suite(LAYERS, 'the stronger of two')],
  },
  {
    name: 'layers: a list that asks for more below than it has above is refused',
    edits: off(
      NAMES,
      '} else if (known.kind.limit !== undefined || !covers(known.kind.mode, mode)) {',
      '} else if (mode === undefined) {',
    ),
    suites: [suite(LAYERS, 'cannot be asked for')],
  },
  {
    name: 'layers: a name with an empty level is refused',
    edits: off(NAMES, "levels.includes('')", 'false'),
    suites: [suite(LAYERS, 'is refused')],
  },
  {
    name: 'layers: a token below is above what is above',
    edits: off(TOKENS, 'lease.fencingToken >= floor', 'floor >= 0'),
    suites: [suite(REDIS, 'a token above that of the whole')],
  },
  {
    name: 'layers: who leaves notes its token above',
    edits: off(LEASE, 'if (this.#hasLayers) this.#noteTokensAbove();'),
    suites: [suite(REDIS, 'give the whole a token above those of its parts')],
  },
  {
    name: 'layers: only a hold that has just been granted is asked for again',
    edits: off(TOKENS, 'lease === undefined || !lease.isFirst', 'lease === undefined'),
    suites: [suite(LAYERS, 'goes from hand to hand')],
  },
  {
    name: 'layers: what is above is asked for first',
    edits: off(CARRIER, "'yield', 'gate-acquire', 'acquire'", "'yield', 'acquire', 'gate-acquire'"),
    suites: [suite(REDIS, 'one more command each way')],
  },
  {
    name: 'layers: reentrant: false is about the names that were asked for',
    edits: off(ACQUISITION, 'isAncestor ? { ...own, reentrant: true } : own', 'own'),
    suites: [suite(LAYERS, 'not one beside it')],
  },
  {
    name: 'layers: more of the whole from below is refused',
    edits: off(
      MODES,
      "'intention-exclusive': ['intention-shared', 'intention-exclusive'],\n  shared: ['intention-shared', 'shared'],",
      "'intention-exclusive': ['intention-shared', 'intention-exclusive', 'exclusive'],\n  shared: ['intention-shared', 'shared'],",
    ),
    suites: [suite(LAYERS, 'would wait for itself')],
  },
  {
    name: 'layers: a root used with and without them stops the start',
    edits: off(ROOTS, 'if (other === undefined) continue;', 'continue;'),
    suites: [suite('test/nest/layers.spec.ts', 'stops the start where a root')],
  },
];
