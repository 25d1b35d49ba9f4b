import { type Edit, type Mutant, suite } from './mutant.js';

const SHARED_LINE = 'lib/waiting/shared-line.ts';
const PERMIT_LINE = 'lib/waiting/permit-line.ts';
const KEPT = 'lib/holding/kept-hold.ts';
const MODES = 'lib/holding/mode-changes.ts';
const ADMISSION = 'lib/stores/mechanics/admission.ts';
const MEMORY = 'lib/stores/memory/memory-lock.ts';
const LIMIT = 'lib/stores/memory/memory-limit.ts';
const ASK = 'lib/waiting/acquisitions.ts';
const SHARED = 'test/engine/shared.spec.ts';
const LIMITS = 'test/engine/limits.spec.ts';
const STARVATION = 'test/engine/starvation.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Shared and upgradeable locks, and limits: in the engine, and in the memory store, whose rules other stores share. */
export const kindsMutants: readonly Mutant[] = [
  {
    name: 'shared: nobody joins a hold when its slice is over',
    edits: off(SHARED_LINE, 'kept.sliceIsOver(now.monotonicMs) || '),
    suites: [suite(SHARED, 'when the slice is over')],
  },
  {
    name: 'shared: nobody joins while a writer of this process waits',
    edits: off(SHARED_LINE, 'if (this.context.writerWaits(this.name)) return undefined;'),
    suites: [suite(SHARED, 'a writer of this process waits')],
  },
  {
    name: 'shared: one who asks for a longer lease has a hold of its own',
    edits: off(KEPT, 'isSame && settings.leaseMs <= own.leaseMs && ', 'isSame && '),
    suites: [suite(SHARED, 'asks for a longer lease')],
  },
  {
    name: 'turns: a slice that was let double is short again when somebody queues',
    edits: off(KEPT, 'this.#sliceEndsAtMs -= this.#sliceMs - cohortMs;'),
    suites: [suite(STARVATION, 'a reader among writers of its process')],
  },
  {
    name: 'turns: a slice does not double when somebody has queued meanwhile',
    edits: off(KEPT, 'this.#isWaitedFor = true;'),
    suites: [suite(STARVATION, 'queued before that answer')],
  },
  {
    name: 'memory: a holder is told of the first who queues behind it',
    edits: off(MEMORY, 'this.#tellOfWaiter();'),
    suites: [suite(STARVATION, 'of another process')],
  },
  {
    name: 'limit: a permit goes back to the store when its slice is over',
    edits: off(PERMIT_LINE, ' || kept.sliceIsOver(now.monotonicMs)'),
    suites: [suite(LIMITS, 'and then back to the store')],
  },
  {
    name: 'limit: a permit is not handed on to one who wants another weight',
    edits: off(KEPT, '      own.weight === settings.weight &&\n'),
    suites: [suite(LIMITS, 'another weight')],
  },
  {
    name: 'upgradeable: what went down to shared is not handed on',
    edits: off(MODES, 'lease.kept.stretched = true;'),
    suites: [suite(SHARED, 'once it has gone down')],
  },
  {
    name: 'upgradeable: a lease counts as shared from the call of downgrade on',
    edits: [
      ...off(MODES, "lease.changeMode('shared'); //", '//'),
      ...off(
        MODES,
        'lease.kept.owner.notHandedOn();',
        "lease.changeMode('shared');\n    lease.kept.owner.notHandedOn();",
      ),
    ],
    suites: [suite(SHARED, 'from the call on')],
  },
  {
    name: 'upgradeable: a downgrade that got no answer may be asked for again',
    edits: off(MODES, ' && !this.#goingDown.has(lease)'),
    suites: [suite(SHARED, 'no answer to its downgrade')],
  },
  {
    name: 'upgradeable: and not once it was answered',
    edits: off(MODES, 'this.#goingDown.delete(lease);'),
    suites: [suite(SHARED, 'no answer to its downgrade'), suite(SHARED, 'from the call on')],
  },
  {
    name: 'upgradeable: nobody goes down while one is inside who does not share',
    edits: off(
      MODES,
      "if (lease.kept.leases.some((other) => other !== lease && !covers('shared', other.access)))",
      'if (false)',
    ),
    suites: [suite(SHARED, 'what it cannot become')],
  },
  {
    name: 'upgradeable: the wait of an upgrade ends',
    edits: off(MODES, '() => stop.abort(TOO_LATE)', '() => undefined'),
    suites: [suite(SHARED, 'do not leave in time')],
  },
  {
    name: 'upgradeable: an upgrade ends with its lease',
    edits: off(MODES, "lease.signal.addEventListener('abort', lost);"),
    suites: [suite(SHARED, 'when it is lost')],
  },
  {
    name: 'admission: a writer is alone',
    edits: off(
      'lib/stores/lock-modes.ts',
      'return BESIDE[mode].includes(other);',
      "return mode === 'exclusive' || BESIDE[mode].includes(other);",
    ),
    suites: [suite(SHARED)],
  },
  {
    name: 'admission: nobody beside a writer',
    edits: off(ADMISSION, 'if (isWhole(holder)) return false;'),
    suites: [suite(LIMITS)],
  },
  {
    name: 'admission: one upgradeable holder',
    edits: off(
      'lib/stores/lock-modes.ts',
      "upgradeable: ['intention-shared', 'shared'],\n  exclusive: [],",
      "upgradeable: ['intention-shared', 'shared', 'upgradeable'],\n  exclusive: [],",
    ),
    suites: [suite(SHARED, 'one at a time')],
  },
  {
    name: 'admission: weights count',
    edits: off(ADMISSION, 'used += holder.weight ?? 1;', 'used += 1;'),
    suites: [suite(LIMITS)],
  },
  {
    name: 'admission: the limit is the most',
    edits: off(ADMISSION, '<= limit;', '<= limit + 1;'),
    suites: [suite(LIMITS)],
  },
  {
    name: 'memory: nobody overtakes the queue',
    edits: off(MEMORY, 'if (this.#isOpen && fits(', 'if (fits('),
    suites: [suite(LIMITS, 'nobody overtakes'), suite(SHARED)],
  },
  {
    name: 'memory: nobody comes in while an upgrade waits',
    edits: off(
      MEMORY,
      'return this.#waiters.size === 0 && this.#upgrade === undefined;',
      'return this.#waiters.size === 0;',
    ),
    suites: [suite(SHARED, 'one at a time')],
  },
  {
    name: 'memory: an upgrade has a new token',
    edits: off(
      MEMORY,
      "this.#fences.renew(holder.hold);\n    holder.mode = 'exclusive';",
      "holder.mode = 'exclusive';",
    ),
    suites: [suite(SHARED, 'with a new token')],
  },
  {
    name: 'memory: force ends only the hold of that token',
    edits: off(MEMORY, 'fencingToken === undefined || issued(holder, fencingToken)', 'true'),
    suites: [suite(SHARED, 'one by one')],
  },
  {
    name: 'memory: the limit of an operator wins',
    edits: off(
      LIMIT,
      'return this.#ofOperator ?? this.#ofCallers ?? asked ?? Infinity;',
      'return this.#ofCallers ?? asked ?? Infinity;',
    ),
    suites: [suite(LIMITS, 'set by an operator')],
  },
  {
    name: 'memory: readers and a limit exclude each other',
    edits: off(
      LIMIT,
      'if (others.some((other) => excludesUse({ mode, limit }, other)))\n      throw otherUseError(name, { mode, limit });',
    ),
    suites: [suite(LIMITS, 'exclude each other')],
  },
  {
    name: 're-entry: from shared to exclusive is refused',
    edits: off(
      ASK,
      "!covers(outer.access, settings.limit === undefined ? settings.mode : 'exclusive')",
      'false',
    ),
    suites: [suite(SHARED, 'refuses a writer inside')],
  },
  {
    name: 're-entry: a larger weight is refused',
    edits: off(ASK, 'settings.limit !== undefined && settings.weight <= outer.weight', 'true'),
    suites: [suite(LIMITS, 're-enters its permit')],
  },
];
