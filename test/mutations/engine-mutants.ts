import { contract, type Mutant, suite } from './mutant.js';

const MEMORY = 'lib/stores/memory/memory-lock.ts';
const LEASES = 'lib/holding/held-leases.ts';
const QUEUE = 'lib/waiting/local-queue.ts';
const LINE = 'lib/waiting/line.ts';
const MANAGER = 'lib/lock-manager.ts';
const NAME = 'lib/lock-name.ts';

/** Protections in the line of this process, in closing, in names, and in the memory store. */
export const engineMutants: readonly Mutant[] = [
  {
    name: 'memory: owner check at release',
    edits: [
      {
        file: MEMORY,
        find: 'const holder = this.#holders.get(hold.ownerToken);\n    if (holder === undefined) return this.#fences',
        put: 'const [holder] = this.#holders.values();\n    if (holder === undefined) return this.#fences',
      },
    ],
    suites: [contract('memory', '')],
  },
  {
    name: 'memory: owner check at renew',
    edits: [
      {
        file: MEMORY,
        find: "const holder = this.#holders.get(hold.ownerToken);\n    if (holder === undefined) return { outcome: 'lost' };",
        put: "const [holder] = this.#holders.values();\n    if (holder === undefined) return { outcome: 'lost' };",
      },
    ],
    suites: [contract('memory', '')],
  },
  {
    name: 'memory: recognises its own token',
    edits: [
      {
        file: MEMORY,
        find: 'if (own !== undefined) return grantOf(own, this.#limit.inForce(own.limit));',
        put: '',
      },
    ],
    suites: [contract('memory', '')],
  },
  {
    name: 'memory: fence rises after a lease that ran out',
    edits: [
      {
        file: 'lib/stores/memory/memory-fences.ts',
        find: 'Math.max(this.#last + 1, this.firstFence())',
        put: 'Math.max(this.#last, 1)',
      },
    ],
    suites: [contract('memory', '')],
  },
  {
    name: 'a grant older than its lease is not handed out',
    edits: [
      { file: LINE, find: 'return deadlineMs > this.context.clock.monotonicMs();', put: 'return true;' },
    ],
    suites: [suite('test/engine/lock-manager-waiting.spec.ts')],
  },
  {
    name: 'local line: first come, first served',
    edits: [{ file: QUEUE, find: 'return this.#first;', put: 'return this.#last;' }],
    suites: [suite('test/engine/local-queue.spec.ts')],
  },
  {
    name: 'local line: the place of a head that leaves is inherited',
    edits: [
      {
        file: LINE,
        find: 'if (!this.queue.remove(waiter)) return;\n    waiter.reject(reason);\n    this.proceed();',
        put: 'const wasHead = this.queue.head === waiter;\n    if (!this.queue.remove(waiter)) return;\n    waiter.reject(reason);\n    if (wasHead) this.place?.abort(reason);\n    this.proceed();',
      },
    ],
    suites: [suite('test/engine/local-queue.spec.ts')],
  },
  {
    name: 'local line: a grant for nobody goes back',
    edits: [
      {
        file: LINE,
        find: 'if (head === undefined) this.#giveBack(grant);',
        put: 'if (head === undefined) {}',
      },
    ],
    suites: [suite('test/engine/local-queue.spec.ts')],
  },
  {
    name: 'no listener is left on the signal of a caller',
    edits: [
      {
        file: QUEUE,
        find: "if (this.#onAbort !== undefined) this.settings.signal?.removeEventListener('abort', this.#onAbort);",
        put: '',
      },
    ],
    suites: [suite('test/engine/local-queue.spec.ts', 'leaves no timer and no listener')],
  },
  {
    name: 'no timer is left of a wait',
    edits: [{ file: QUEUE, find: 'alarms.clear(this);', put: '' }],
    suites: [suite('test/engine/local-queue.spec.ts', 'leaves no timer and no listener')],
  },
  {
    name: 'closing: nobody grants to us any more, first of all',
    edits: [
      {
        file: MANAGER,
        find: 'const deaf = closeStore(() => store.stopGranting(), warn);',
        put: 'const deaf = Promise.resolve();',
      },
    ],
    suites: [suite('test/engine/lock-manager-closing.spec.ts')],
  },
  {
    name: 'closing: lost before it is given away',
    edits: [
      {
        file: LEASES,
        find: "for (const lease of leftovers) lease.markLost('shutdown');\n    await Promise.allSettled(\n      leftovers.map((lease) => attempt(() => this.settings.store.release(lease.hold))),\n    );",
        put: "await Promise.allSettled(leftovers.map((lease) => this.settings.store.release(lease.hold)));\n    for (const lease of leftovers) lease.markLost('shutdown');",
      },
    ],
    suites: [suite('test/engine/lock-manager-closing.spec.ts'), suite('test/nest/shutdown.spec.ts')],
  },
  {
    name: 'closing: a grant on its way goes back',
    edits: [
      {
        file: LINE,
        find: 'if (this.#isUsable(answer) && !this.closed)',
        put: 'if (this.#isUsable(answer))',
      },
    ],
    suites: [suite('test/engine/lock-manager-closing.spec.ts')],
  },
  {
    name: 're-entry is refused where it is not wanted',
    edits: [
      {
        file: 'lib/waiting/acquisitions.ts',
        find: 'if (!settings.reentrant) throw reentrantError(name);',
        put: '',
      },
    ],
    suites: [suite('test/engine/reentry.spec.ts', 'reentrant: false')],
  },
  {
    name: 'a listener runs outside of any frame',
    edits: [
      {
        file: MANAGER,
        find: 'this.#leases.frames.outside(() => this.#events.emit(event, payload));',
        put: 'this.#events.emit(event, payload);',
      },
    ],
    suites: [suite('test/engine/lock-manager.spec.ts', 'the same call chain')],
  },
  {
    name: 'owner tokens: each of them new',
    edits: [
      {
        file: 'lib/runtime/owner-token.ts',
        find: 'used += length;\n  return used - length;',
        put: 'return used;',
      },
    ],
    suites: [suite('test/bad-input.spec.ts', 'an owner token of its own')],
  },
  {
    name: 'names: Unicode spellings are one',
    edits: [{ file: NAME, find: "const canonical = name.normalize('NFC');", put: 'const canonical = name;' }],
    suites: [
      suite('test/bad-input.spec.ts', 'two different names are two locks'),
      suite('test/engine/lock-name.spec.ts'),
    ],
  },
  {
    name: 'names: values are percent-encoded',
    edits: [{ file: NAME, find: "percentEncode(value.normalize('NFC'))", put: "value.normalize('NFC')" }],
    suites: [
      suite('test/bad-input.spec.ts', 'values of a client never meet'),
      suite('test/engine/lock-name.spec.ts'),
    ],
  },
];
