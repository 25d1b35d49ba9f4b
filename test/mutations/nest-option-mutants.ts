import { type Mutant, suite } from './mutant.js';

const CLASS_LEVEL = 'test/nest/class-level.spec.ts';
const BUSY_OPTIONS = 'test/nest/busy-options.spec.ts';
const RUN_UNLOCKED = 'test/nest/run-unlocked.spec.ts';
const FEATURE = 'src/startup/feature-prefix.ts';
const RUNS = 'src/unlocked-runs.ts';

/** Protections of what `@Locked` may say beside its name. */
export const nestOptionMutants: readonly Mutant[] = [
  {
    name: 'class-level: a handler that is inherited is locked, too',
    edits: [
      {
        file: 'src/decorators/lock-class.ts',
        find: 'const handlers = methods.filter(({ method }) => handlerKindsOf(method).length > 0);',
        put: 'const handlers = methods.filter((one) => one.holder === prototype && handlerKindsOf(one.method).length > 0);',
      },
    ],
    suites: [suite(CLASS_LEVEL, 'locks every route')],
  },
  {
    name: 'class-level: what a base class of a service brings is not locked',
    edits: [
      {
        file: 'src/decorators/lock-class.ts',
        find: '=> holder === prototype && !LIFECYCLE',
        put: '=> holder !== null && !LIFECYCLE',
      },
    ],
    suites: [suite(CLASS_LEVEL, 'locks every method of its own')],
  },
  {
    name: 'class-level: lifecycle hooks are not locked',
    edits: [{ file: 'src/decorators/lock-class.ts', find: ' && !LIFECYCLE.has(methodName)', put: '' }],
    suites: [suite(CLASS_LEVEL, 'locks every method of its own')],
  },
  {
    name: 'class-level: a method that may return at once is refused',
    edits: [
      {
        file: 'src/decorators/lock-class.ts',
        find: 'if (handlers.length === 0) refuseUnknownKind(targetClass, methodName, own);',
        put: '',
      },
    ],
    suites: [suite(CLASS_LEVEL, 'a method that cannot wait')],
  },
  {
    name: 'decorator @NotLocked is never inert',
    edits: [
      {
        file: 'src/startup/inert-decorators.ts',
        find: 'if (isNotLocked(holder, key) && !isLockedClass(owner)) {',
        put: 'if (key === undefined) {',
      },
    ],
    suites: [suite(CLASS_LEVEL, 'refuses @NotLocked')],
  },
  {
    name: 'decorator: standard decorators are refused',
    edits: [
      {
        file: 'src/decorators/standard-decorators.ts',
        find: "if (typeof second !== 'object' || second === null || !('kind' in second)) return;",
        put: "if (typeof second !== 'number') return;",
      },
    ],
    suites: [suite(CLASS_LEVEL, 'are refused with the setting')],
  },
  {
    name: 'decorator option skip: not where somebody waits for an answer',
    edits: [
      {
        file: 'src/startup/locked-methods.explorer.ts',
        find: "if (spec.whenBusy === 'skip') refuseSkippedAnswers(spec, targetClass);",
        put: '',
      },
    ],
    suites: [suite(BUSY_OPTIONS, 'stops the start')],
  },
  {
    name: 'decorator options skip and fallback: of the own lock only',
    edits: [{ file: 'src/call/other-ways.ts', find: 'if (error !== refusal) throw error;', put: '' }],
    suites: [suite(BUSY_OPTIONS, 'the method itself met')],
  },
  {
    name: 'decorator options skip and fallback: of a busy lock only',
    edits: [
      {
        file: 'src/call/other-ways.ts',
        find: 'if (!(error instanceof LockBusyError)) throw error;',
        put: '',
      },
    ],
    suites: [suite(BUSY_OPTIONS, 'the method itself met')],
  },
  {
    name: 'decorator option when: neither true nor false is no answer',
    edits: [
      {
        file: 'src/call/other-ways.ts',
        find: "if (typeof answer === 'boolean') return answer;",
        put: 'return Boolean(answer);',
      },
    ],
    suites: [suite(BUSY_OPTIONS, 'does not run the method when it throws')],
  },
  {
    name: 'decorator options when and fallback: after the pipes',
    edits: [
      {
        file: 'src/decorators/locked-options.ts',
        find: "phase: isForArguments ? 'handler' : phaseOf(names, phase),",
        put: 'phase: phaseOf(names, phase),',
      },
    ],
    suites: [suite(BUSY_OPTIONS, 'get the arguments of the handler')],
  },
  {
    name: 'run-unlocked: only when the store is away',
    edits: [{ file: RUNS, find: ' || !STORE_IS_AWAY.includes(error.code)', put: '' }],
    suites: [suite(RUN_UNLOCKED, 'never runs for a conflict')],
  },
  {
    name: 'run-unlocked: callers of one process exclude each other',
    edits: [
      {
        file: RUNS,
        find: 'await this.#standIn.acquire(names, {',
        put: 'await this.#standIn.acquire(`${performance.now()}`, {',
      },
    ],
    suites: [suite(RUN_UNLOCKED, 'excludes each other')],
  },
  {
    name: 'run-unlocked: who is granted the lock waits',
    edits: [{ file: RUNS, find: 'if (isFree()) return lease;', put: 'return lease;' }],
    suites: [suite(RUN_UNLOCKED, 'one who is granted')],
  },
  {
    name: 'run-unlocked: waits for who has the lock, or had it',
    edits: [
      {
        file: RUNS,
        find: 'await this.#until(() => !this.#isHeldHere(others), others, options);',
        put: '',
      },
    ],
    suites: [suite(RUN_UNLOCKED, 'waits for those of this process')],
  },
  {
    name: 'run-unlocked: waits for who had the lock and still runs',
    edits: [{ file: RUNS, find: 'this.#begin(lease, false);', put: '' }],
    suites: [suite(RUN_UNLOCKED, 'waits for those of this process')],
  },
  {
    name: 'run-unlocked: there is no lease',
    edits: [{ file: 'src/call/method-call.ts', find: ' || isStandIn(lease) ? null', put: ' ? null' }],
    suites: [suite(RUN_UNLOCKED, 'runs without the lock and without a lease')],
  },
  {
    name: 'run-unlocked: its call chain enters it again',
    edits: [
      {
        file: RUNS,
        find: 'this.#sections.size > 0 && isWithin()',
        put: 'this.#sections.size < 0 && isWithin()',
      },
    ],
    suites: [suite(RUN_UNLOCKED, 'is entered again')],
  },
  {
    name: 'run-unlocked: a grant to its own call chain does not wait',
    edits: [
      { file: RUNS, find: 'lease.names.filter((name) => !this.#standIn.isInside(name))', put: 'lease.names' },
    ],
    suites: [suite(RUN_UNLOCKED, 'does not wait for its own')],
  },
  {
    name: 'run-unlocked: a section ends however its lease did',
    edits: [{ file: 'src/call/open-work.ts', find: '        sectionEnded(lease);\n', put: '' }],
    suites: [suite(RUN_UNLOCKED, 'one who is granted')],
  },
  {
    name: 'forFeature: a class in two modules with different prefixes',
    edits: [
      {
        file: FEATURE,
        find: 'if (second === undefined) return first?.[0];',
        put: 'if (first !== undefined || second === undefined) return first?.[0];',
      },
    ],
    suites: [suite('test/nest/feature.spec.ts', 'with different prefixes')],
  },
  {
    name: 'forFeature: the names of a request have the prefix',
    edits: [{ file: FEATURE, find: 'whole(names.fromRequest(values))', put: 'names.fromRequest(values)' }],
    suites: [suite('test/nest/feature.spec.ts', 'has its prefix')],
  },
  {
    name: 'forFeature: LockService in such a module is told of',
    edits: [
      {
        file: FEATURE,
        find: 'if (!injects(targetClass, LockService)) return;',
        put: 'if (targetClass !== undefined) return;',
      },
    ],
    suites: [suite('test/nest/feature.spec.ts', 'that injects LockService')],
  },
];
