import { type Mutant, suite } from './mutant.js';

const CLIENT = 'lib/stores/redis/redis-client.ts';
const ADDRESS = 'lib/stores/redis/redis-address.ts';
const TROUBLE = 'lib/stores/redis/redis-trouble.ts';
const ERRORS = 'lib/stores/redis/redis-errors.ts';
const LOCK_ERRORS = 'lib/lock-errors.ts';
const SHOWN_TEXT = 'lib/shown-text.ts';
const STARTUP = 'src/startup/store-startup.ts';
const OPTIONS = 'test/stores/redis-options.spec.ts';
const SECRETS = 'test/stores/redis-secrets.spec.ts';
const TROUBLES = 'test/stores/redis-trouble.spec.ts';
const MODULE = 'test/nest/module.spec.ts';
const UNIT = 'test/engine/lock-errors.spec.ts';

/** Protections round where a server is: the options of a client, URLs and their passwords, what is said when it cannot be reached. */
export const redisPlaceMutants: readonly Mutant[] = [
  {
    name: 'options: numbers stay numbers',
    edits: [
      { file: CLIENT, find: 'stringNumbers: false,', put: '' },
      {
        file: 'lib/stores/redis/redis-wire.ts',
        find: '[Number(answer[0]), ...',
        put: '[answer[0] as number, ...',
      },
    ],
    suites: [suite(OPTIONS, 'stringNumbers')],
  },
  {
    name: 'options: scripts do not take the place of commands',
    edits: [{ file: CLIENT, find: 'scripts: {},', put: '' }],
    suites: [suite(OPTIONS, 'scripts')],
  },
  {
    name: 'options: a connection of a lock does not monitor',
    edits: [{ file: CLIENT, find: 'monitor: false,', put: '' }],
    suites: [suite(OPTIONS, 'monitor')],
  },
  {
    name: 'options: the primary, not a replica',
    edits: [{ file: CLIENT, find: "role: 'master',", put: '' }],
    suites: [suite(OPTIONS, 'through a Sentinel')],
  },
  {
    name: 'options: fieldsets are not prepared',
    edits: [{ file: CLIENT, find: 'himportFieldsets: [],', put: '' }],
    suites: [suite(OPTIONS, 'himportFieldsets')],
  },
  {
    name: 'options: defaults of the class fill nothing',
    edits: [
      {
        file: CLIENT,
        find: 'commandTimeout: null as unknown as undefined,',
        put: 'commandTimeout: undefined,',
      },
    ],
    suites: [suite(OPTIONS, 'by default')],
  },
  {
    name: 'options: INFO may be an object',
    edits: [
      {
        file: 'lib/stores/redis/server-info.ts',
        find: "if (typeof info === 'object' && info !== null)",
        put: 'if (false as boolean)',
      },
    ],
    suites: [suite(OPTIONS, 'reply to INFO')],
  },
  {
    name: 'options: what is no ioredis client is refused',
    edits: [
      {
        file: CLIENT,
        find: "!['duplicate', 'evalsha', 'subscribe', 'on'].every(",
        put: "!['duplicate'].every(",
      },
    ],
    suites: [suite(TROUBLES, 'no client of ioredis')],
  },
  {
    name: 'options: what ioredis refuses is refused where it is given',
    edits: [{ file: CLIENT, find: 'first = makeOne();', put: '' }],
    suites: [suite(TROUBLES, 'no client of ioredis')],
  },
  {
    name: 'secrets: an error of new URL is not passed on',
    edits: [
      {
        file: ADDRESS,
        find: '} catch {\n    // What `new URL`',
        put: '} catch (error) {\n    throw error; // What `new URL`',
      },
    ],
    suites: [suite(SECRETS, 'in nothing that can be printed')],
  },
  {
    name: 'secrets: a / in a password is no database',
    edits: [{ file: ADDRESS, find: 'if (!/^\\/?\\d*$/.test(pathname))', put: 'if (false as boolean)' }],
    suites: [suite(SECRETS, 'with the fix')],
  },
  {
    name: 'secrets: a URL in the place of a host is refused',
    edits: [
      {
        file: ADDRESS,
        find: '    if (isPlain(options[key], key)) continue;\n',
        put: '    if (options !== undefined) continue;\n',
      },
    ],
    suites: [suite(TROUBLES, 'no client of ioredis')],
  },
  {
    name: 'secrets: a URL in the place of a host is not shown',
    edits: [
      {
        file: ADDRESS,
        find: "return typeof text === 'string' && isPlain(text, place) ? text : '(not shown)';",
        put: 'return String(text);',
      },
    ],
    suites: [suite(SECRETS, 'in nothing that can be printed'), suite(SECRETS, 'is shown without who')],
  },
  {
    name: 'secrets: what is known is cut out',
    edits: [{ file: SHOWN_TEXT, find: "safe = safe.replaceAll(secret, '***');", put: 'secret;' }],
    suites: [suite(UNIT, 'known to be a secret')],
  },
  {
    name: 'secrets: no argument of a refused command is repeated',
    edits: [
      {
        file: ERRORS,
        find: "return text.replace(/,? with args beginning with.*$/is, '');",
        put: 'return text;',
      },
    ],
    suites: [suite(UNIT, 'no argument')],
  },
  {
    name: 'secrets: no URL in an error of another store',
    edits: [{ file: LOCK_ERRORS, find: 'super(redactUrls(message),', put: 'super(message,' }],
    suites: [suite(MODULE, 'without its password')],
  },
  {
    name: 'trouble: what cannot pass is said at once',
    edits: [
      { file: 'lib/stores/redis/redis-link.ts', find: '() => this.#giveUp?.()', put: '() => undefined' },
    ],
    suites: [suite(TROUBLES, 'nobody vouches for')],
  },
  {
    name: 'trouble: words of ioredis about itself are no cause',
    edits: [{ file: TROUBLE, find: 'if (isSelfTalk(textOf(error))) return;', put: '' }],
    suites: [suite(TROUBLES, 'says of itself')],
  },
  {
    name: 'trouble: what is over is not said again',
    edits: [{ file: TROUBLE, find: '      this.#lastError = undefined;\n', put: '' }],
    suites: [suite(TROUBLES, 'the next one')],
  },
  {
    name: 'trouble: start it, only when nobody listens',
    edits: [{ file: STARTUP, find: "code === 'ECONNREFUSED' ?", put: 'true ?' }],
    suites: [suite(MODULE, 'only if nobody listens')],
  },
  {
    name: 'trouble: a misuse keeps its code at start-up',
    edits: [{ file: STARTUP, find: 'if (failure instanceof LockUsageError)', put: 'if (false as boolean)' }],
    suites: [suite(MODULE, 'of the wrong kind')],
  },
];
