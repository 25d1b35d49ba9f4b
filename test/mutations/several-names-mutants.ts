import { contract, type Mutant, suite } from './mutant.js';

const NAMES = 'lib/several-names.ts';
const ACQUISITION = 'lib/waiting/joint-acquisition.ts';
const ACQUISITIONS = 'lib/waiting/acquisitions.ts';
const LEASE = 'lib/holding/joint-lease.ts';
const RELEASES = 'lib/holding/releases.ts';
const TAKING = 'test/engine/several-names.spec.ts';
const HOLDING = 'test/engine/joint-lease.spec.ts';

/** Protections of those who take several names. */
export const severalNamesMutants: readonly Mutant[] = [
  {
    name: 'several names: one order for everybody',
    edits: [{ file: NAMES, find: '.toSorted((a, b) => byBytes(a.name, b.name))', put: '' }],
    suites: [suite('test/engine/several-names-random.spec.ts'), contract('memory', 'opposite order')],
  },
  {
    name: 'several names: the order is that of bytes',
    edits: [
      {
        file: NAMES,
        find: 'return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;',
        put: 'return unit;',
      },
    ],
    suites: [suite(TAKING, 'bytes of UTF-8'), contract('memory', 'in the order of bytes')],
  },
  {
    name: 'several names: each once',
    edits: [
      {
        file: NAMES,
        find: 'return [...kinds].map(([name, kind]) => ({ name, kind }))',
        put: 'return listed.map(({ name }) => ({ name, kind: usual }))',
      },
    ],
    suites: [suite(TAKING, 'has each name once'), suite(TAKING, 'of one distinct name')],
  },
  {
    name: 'several names: what comes after the one that is waited for is given back',
    edits: [{ file: ACQUISITION, find: 'void this.#giveBackFrom(at + 1);', put: '' }],
    suites: [
      suite(TAKING, 'only those held that come before it'),
      contract('memory', 'who waits holds only those'),
    ],
  },
  {
    name: 'several names: none is kept when one is busy',
    edits: [
      {
        file: ACQUISITION,
        find: 'await this.#giveBackFrom(0);\n      return missing;',
        put: 'return missing;',
      },
    ],
    suites: [suite(TAKING, 'are none for one who does not wait'), contract('memory', 'all or none')],
  },
  {
    name: 'several names: none is kept when the wait fails',
    edits: [
      {
        file: ACQUISITION,
        find: 'const givenBack = this.#giveBackFrom(0);',
        put: 'const givenBack = Promise.resolve();',
      },
    ],
    suites: [suite(TAKING, 'no longer than waitMs'), contract('memory', 'leaves nothing locked')],
  },
  {
    name: 'several names: who does not wait is answered when all is given back',
    edits: [
      {
        file: ACQUISITION,
        find: 'await this.#giveBackFrom(0);\n      return missing;',
        put: 'void this.#giveBackFrom(0);\n      return missing;',
      },
    ],
    suites: [suite(TAKING, 'have been given back')],
  },
  {
    name: 'several names: waitMs ends a round, too',
    edits: [
      {
        file: ACQUISITION,
        find: 'rounds.set(this, this.asked.calledAtMs + this.asked.settings.waitMs);',
        put: '',
      },
    ],
    suites: [suite(TAKING, 'by waitMs in a round')],
  },
  {
    name: 'several names: the signal ends a round and a wait',
    edits: [{ file: ACQUISITION, find: 'listenTo(signal, leave, this.#nameAt(0));', put: '{}' }],
    suites: [suite(TAKING, 'by its signal'), contract('memory', 'leaves nothing locked')],
  },
  {
    name: 'several names: one that was lost meanwhile is not ours',
    edits: [
      {
        file: ACQUISITION,
        find: 'return lease === undefined || lease.isOver;',
        put: 'return lease === undefined;',
      },
    ],
    suites: [suite(TAKING, 'when one was lost meanwhile')],
  },
  {
    name: 'several names: what nobody renews begins its time when all are there',
    edits: [{ file: ACQUISITION, find: 'this.#haveAged = true;', put: '{}' }],
    suites: [suite(TAKING, 'begin their time')],
  },
  {
    name: 'several names: nobody is told of what nobody had',
    edits: [
      {
        file: ACQUISITIONS,
        find: 'return isPart === true ? !lease.isOver : this.place.leases.handOut(lease);',
        put: 'return this.place.leases.handOut(lease);',
      },
    ],
    suites: [suite(TAKING, 'when all of them are there')],
  },
  {
    name: 'several names: a name that was entered again is not given away',
    edits: [
      {
        file: RELEASES,
        find: 'if (kept.lease !== undefined) return; // it was entered again',
        put: '// it was entered again',
      },
    ],
    suites: [suite(TAKING, 'do not give it away')],
  },
  {
    name: 'several names: at most a hundred',
    edits: [{ file: NAMES, find: 'if (kinds.size > MAX_NAMES) {', put: 'if (kinds.size > 1_000_000) {' }],
    suites: [suite(TAKING, '101 names')],
  },
  {
    name: 'several names: at most a hundred from a client, and that is its fault',
    edits: [
      {
        file: 'src/template/placeholder-value.ts',
        find: 'if (elements.length > MAX_NAMES) {',
        put: 'if (elements.length > 1_000_000) {',
      },
    ],
    suites: [suite('test/nest/several-names.spec.ts', 'is a 400')],
  },
  {
    name: 'several names: two modes for one name are refused',
    edits: [
      {
        file: NAMES,
        find: 'if (describeKindOf(known) !== describeKindOf(kind)) {',
        put: 'if (known === undefined) {',
      },
    ],
    suites: [suite(TAKING, 'two modes for one name')],
  },
  {
    name: 'several names: the loss of one is the loss of all',
    edits: [
      { file: LEASE, find: 'for (const part of parts) part.whenLost(() => this.#lose(part));', put: '' },
    ],
    suites: [suite(HOLDING, 'its signal says which one'), contract('memory', 'the loss of one')],
  },
  {
    name: 'several names: the state is that of the worst',
    edits: [
      {
        file: LEASE,
        find: 'return worst(STATES, this.#leases, ({ state }) => state);',
        put: "return this.#leases[0]?.state ?? 'lost';",
      },
    ],
    suites: [suite(HOLDING, 'is uncertain when one of them is')],
  },
  {
    name: 'several names: sent is it when each of them is',
    edits: [
      {
        file: LEASE,
        find: 'if (unsent.delete(part) && unsent.size === 0) onSent?.();',
        put: 'onSent?.();',
      },
    ],
    suites: [suite(HOLDING, 'and not before')],
  },
  {
    name: 'several names: «lost» if one of them was',
    edits: [
      {
        file: LEASE,
        find: "return endings.includes('lost') ? 'lost' : 'released';",
        put: "return 'released';",
      },
    ],
    suites: [suite(HOLDING, 'answers «lost»')],
  },
  {
    name: 'several names: all are made longer',
    edits: [
      {
        file: 'lib/holding/extend-leases.ts',
        find: 'const holds = leases.map(({ kept }) => kept);\n  const outcomes',
        put: 'const holds = leases.slice(0, 1).map(({ kept }) => kept);\n  const outcomes',
      },
    ],
    suites: [suite(HOLDING, 'made longer with one command')],
  },
];
