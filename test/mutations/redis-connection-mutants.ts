import { type Mutant, suite } from './mutant.js';

const STORE = 'lib/stores/redis/redis-store.ts';
const LINK = 'lib/stores/redis/redis-link.ts';
const KEYS = 'lib/stores/redis/redis-keys.ts';
const WIRE = 'lib/stores/redis/redis-wire.ts';
const CLIENT = 'lib/stores/redis/redis-client.ts';
const SESSION = 'lib/stores/redis/redis-session.ts';
const RULES = 'test/faults/client-rules.spec.ts';
const LEAKS = 'test/faults/leaks.spec.ts';

/** Protections round the connection to Redis: keys, replies, what is left. */
export const redisConnectionMutants: readonly Mutant[] = [
  {
    name: 'a command whose reply got lost is sent again',
    edits: [
      {
        file: LINK,
        find: 'return !this.#closing.signal.aborted && this.bounds.nowMs() + delayMs < endsAtMs;',
        put: 'return false;',
      },
    ],
    suites: [suite(RULES, 'a reply that got lost')],
  },
  {
    name: 'force is not repeated',
    edits: [
      {
        file: 'lib/stores/redis/operator-commands.ts',
        find: 'const once = true;',
        put: 'const once = false;',
      },
    ],
    suites: [suite(RULES, 'of forceRelease: it is not repeated')],
  },
  {
    name: 'nonce: a reply that belongs to another command',
    edits: [{ file: WIRE, find: 'return reply.startsWith(head) ?', put: 'return true ?' }],
    suites: [suite(RULES, 'the nonce tells')],
  },
  {
    name: 'bound round every command',
    edits: [
      {
        file: 'lib/stores/mechanics/bounds.ts',
        find: 'this.start(boundMs, tooLate)',
        put: 'this.start(Infinity, tooLate)',
      },
    ],
    suites: [suite('test/stores/mechanics/bounds.spec.ts', 'round a command that is never settled')],
  },
  {
    name: 'no hold is remembered after its release',
    edits: [
      {
        file: STORE,
        find: 'this.#acquisitions.delete(hold.ownerToken);\n    // Even while closing',
        put: '// Even while closing',
      },
    ],
    suites: [suite(LEAKS)],
  },
  {
    name: 'closing closes the connection for pushes',
    edits: [{ file: SESSION, find: 'this.#grants.close();', put: '' }],
    suites: [suite(LEAKS)],
  },
  {
    name: 'the subscription follows the commands to another server',
    edits: [{ file: SESSION, find: 'await this.#grants.move();\n    else', put: '{}\n    else' }],
    suites: [suite('test/faults/address-flip.spec.ts', 'gives no lock and no token to two')],
  },
  {
    name: 'whatever goes wrong at the start is a LockError',
    edits: [
      {
        file: SESSION,
        find: 'throw error instanceof LockError ? error : storeError(error, this.#place);',
        put: 'throw error;',
      },
    ],
    suites: [suite('test/stores/redis-startup-cuts.spec.ts')],
  },
  {
    name: 'the start finds out whether it can be pushed to',
    edits: [{ file: SESSION, find: 'if (unpushed !== undefined) this.#warnUnpushed(unpushed);', put: '' }],
    suites: [suite('test/stores/redis-push.spec.ts')],
  },
  {
    name: 'names: } is escaped in keys',
    edits: [{ file: KEYS, find: 'IN_ROOT = /[%{}', put: 'IN_ROOT = /[%{' }],
    suites: [suite('test/stores/redis-keys.spec.ts')],
  },
  {
    name: 'names: : is escaped below the root',
    edits: [{ file: KEYS, find: 'IN_REST = /[%{}:', put: 'IN_REST = /[%{}' }],
    suites: [
      suite('test/bad-input.spec.ts', 'nothing that is done to one lock'),
      suite('test/stores/redis-keys.spec.ts'),
    ],
  },
  {
    name: 'TLS: certificates are checked',
    edits: [
      {
        file: CLIENT,
        find: '() => new Redis(settings)',
        put: '() => new Redis({ ...settings, tls: { rejectUnauthorized: false } })',
      },
    ],
    suites: [suite('test/bad-input.spec.ts', 'TLS is checked')],
  },
  {
    name: 'ioredis does not resend behind our back',
    edits: [
      { file: CLIENT, find: 'maxRetriesPerRequest: 0,', put: 'maxRetriesPerRequest: 20,' },
      {
        file: CLIENT,
        find: 'autoResendUnfulfilledCommands: false,',
        put: 'autoResendUnfulfilledCommands: true,',
      },
    ],
    suites: [suite(RULES, 'behind our back')],
  },
];
