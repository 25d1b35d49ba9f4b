import { contract, type Edit, type Mutant, suite } from './mutant.js';

const RELEASES = 'lib/holding/releases.ts';
const LINK = 'lib/stores/redis/redis-link.ts';
const LOADED = 'lib/stores/redis/loaded-scripts.ts';
const ENDINGS = 'lib/stores/mechanics/endings.ts';
const BATCHER = 'lib/stores/mechanics/turn-batcher.ts';
const TURN_BATCHER = 'test/stores/mechanics/turn-batcher.spec.ts';
const ENGINE = 'test/engine/sent-release.spec.ts';
const REDIS = 'test/stores/redis-sent.spec.ts';

const off = (file: string, find: string, put = ''): readonly Edit[] => [{ file, find, put }];

/** Protections of a caller who goes on while its release is on its way, and of the others. */
export const sentMutants: readonly Mutant[] = [
  {
    name: 'sent: a lease in doubt is confirmed',
    edits: off(RELEASES, ' || lease.isDoubted'),
    suites: [suite(ENGINE, 'in doubt')],
  },
  {
    name: 'sent: a store that only confirms is asked for nothing else',
    edits: off(RELEASES, ' || !this.#maySend'),
    suites: [suite(ENGINE, 'does not say that it can do otherwise')],
  },
  {
    name: 'sent: only who asked for it goes on before the answer',
    edits: off(RELEASES, '!lease.sends || '),
    suites: [suite(ENGINE, 'is not the default')],
  },
  {
    name: 'sent: a failure that nobody waits for is no unhandled rejection',
    edits: off(
      RELEASES,
      '(error: unknown) => (this.#over(), reject(error as Error)), // an event has told it',
    ),
    suites: [suite(ENGINE, 'never an unhandled rejection')],
  },
  {
    name: 'sent: close() waits until nothing can be told any more',
    edits: off('lib/lock-manager.ts', 'await this.#leases.releases.allOver();'),
    suites: [suite(ENGINE, 'is waited for by close')],
  },
  {
    name: 'sent: what ends while the manager closes is confirmed',
    edits: off(
      'lib/waiting/line.ts',
      'const told = this.closed ? undefined : onSent;',
      'const told = onSent;',
    ),
    suites: [suite(ENGINE, 'ends while the manager closes')],
  },
  {
    name: 'sent: told only where nothing overtakes it',
    edits: [
      { file: BATCHER, find: 'if (!this.carrier.keepsOrder(kind)) return;', put: '' },
      { file: BATCHER, find: 'if (!this.carrier.keepsOrder(request.kind)) return;', put: '' },
    ],
    suites: [suite(REDIS, 'overtaken')],
  },
  {
    name: 'sent: nobody goes on before it is written',
    edits: off(BATCHER, 'if (this.#isCorked) this.#untold.push(item);\n      else this', 'this'),
    suites: [suite(TURN_BATCHER, 'before it is written')],
  },
  {
    name: 'sent: nobody goes on when the connection breaks as it is written',
    edits: off(BATCHER, 'if (!this.carrier.keepsOrder(request.kind)) return;'),
    suites: [suite(TURN_BATCHER, 'breaks as it is written')],
  },
  {
    name: 'sent: nothing is on its way that cannot be written',
    edits: off(LINK, ' && this.client.stream?.writable !== false'),
    suites: [suite(REDIS, 'nothing can be written any more')],
  },
  {
    name: 'sent: another server may lack a script',
    edits: off(LOADED, "client.on('connect', () => this.#loaded.clear()); // perhaps to another server"),
    suites: [suite(REDIS, 'another server')],
  },
  {
    name: 'sent: a server that has forgotten one script may lack another',
    edits: off(LOADED, 'this.#loaded.clear();\n      this.client.eval', 'this.client.eval'),
    suites: [suite(REDIS, 'SCRIPT FLUSH')],
  },
  {
    name: 'sent: the Redis store closes when its requests are answered',
    edits: [
      { file: ENDINGS, find: 'await traffic.idle();', put: '' },
      { file: ENDINGS, find: ' || traffic.isBusy', put: '' },
    ],
    suites: [contract('redis', 'closing waits for a release'), suite(REDIS, 'closing right after')],
  },
];
