// over budget: one table of figures.
// node --import ./test/support/run-typescript.mjs test/simulation/gate/run-gate-cost.ts [<redis-scripts.generated.ts of another checkout> [<part of a name>]]
// What each kind of lock costs the server: commands, instructions (callgrind: N pairs and 3 N, the difference) and microseconds; and what a
// name with 1 000 holders costs in memory and script time. Not a test: figures for the docs, beside those of exclusive locks in the same run.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { Redis } from 'ioredis';
import { findRedisServer } from '../../../scripts/find-redis.mjs';
import { SCRIPTS } from '../../../lib/stores/redis/redis-scripts.generated.js';
import { randomPort } from '../../support/ports.js';
import { type Call, KEY, words } from './gate-words.js';
import { digits, type Mode, type Request } from './words.js';

type Texts = Readonly<Record<string, { readonly text: string }>>;
const other =
  argv[2] === undefined ? undefined : ((await import(pathToFileURL(argv[2]).href)) as { SCRIPTS: Texts });

/** Only the kinds with this in their name. */
const only = argv[3] ?? '';

const PAIRS = 1_000;
const CHUNK = 200;
const HOLDERS = 1_000;
const token = (i: number) => `token-${digits(i, 10)}-abcde`;

function request(i: number, mode: Mode, over: Partial<Request> = {}): Request {
  const limit = mode === 'l' ? 5 : 0;
  const usual = { weight: 1, leaseMs: 30_000, waits: true, ticket: 0, most: 10_000 };
  return { token: token(i), tail: 'lock:c:~0123456789abcdefghijkl|label', mode, limit, ...usual, ...over };
}

/** On a name of its own for each. */
const named = (call: Call, name: string): Call => ({
  ...call,
  keys: call.keys.map((key) => key.replace('{a}', `{${name}}`)),
});

class Server {
  readonly redis: Redis;
  readonly #shas = new Map<string, string>();

  constructor(
    private readonly child: ReturnType<typeof spawn>,
    port: number,
  ) {
    this.redis = new Redis(port, { retryStrategy: () => 200, maxRetriesPerRequest: null });
    this.redis.on('error', () => undefined); // until it is up
  }

  async load(texts: Texts): Promise<void> {
    for (const [name, { text }] of Object.entries(texts))
      this.#shas.set(name, (await this.redis.script('LOAD', text)) as string);
  }

  async run(calls: readonly Call[]): Promise<unknown[]> {
    const pipeline = this.redis.pipeline();
    for (const { script, keys, terms, args } of calls)
      pipeline.evalsha(this.#shas.get(script)!, keys.length, ...keys, `${terms}1 `, ...args);
    return ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
  }

  async stop(): Promise<void> {
    const closed = once(this.child, 'exit');
    void this.redis.shutdown('NOSAVE').catch(() => undefined);
    await closed;
    this.redis.disconnect();
  }
}

async function start(under: readonly string[] = []): Promise<Server> {
  const port = randomPort();
  const command = [...under, findRedisServer()!, '--port', String(port), '--save', '', '--appendonly', 'no'];
  const child = spawn(command[0]!, command.slice(1), { stdio: 'ignore', cwd: tmpdir() });
  const server = new Server(child, port);
  await server.redis.ping();
  return server;
}

/** One kind of use: how many commands a round has, and the rounds from number `from` on. */
interface Kind {
  readonly texts: Texts;
  readonly commands: number;
  readonly before?: (server: Server) => Promise<unknown>;
  readonly rounds: (server: Server, from: number, to: number) => Promise<unknown>;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** What a server has loaded whose clients use exclusive locks only. */
const plainly = (texts: Texts): Texts =>
  Object.fromEntries(Object.entries(texts).filter(([name]) => !name.startsWith('gate-')));

const exclusive = (texts: Texts): Kind => ({
  texts: plainly(texts),
  commands: 2,
  rounds: async (server, from, to) => {
    const all = range(from, to);
    const replies = await server.run(all.map((i) => named(words.acquirePlainly(request(i, 'x')), `n${i}`)));
    const ends = all.map((i, at) => {
      const fence = Number(String(replies[at]).slice(-16));
      const ending = { ...request(i, 'x'), fence, used: fence, lineage: fence, queued: false };
      return named(words.releasePlainly(ending), `n${i}`);
    });
    await server.run(ends);
  },
});

/** Takes and releases; `name` is the same for all where somebody else holds it all the time. */
const atGate = (mode: Mode, isShared: boolean, over: Partial<Request> = {}): Kind => {
  const name = (i: number) => (isShared ? 'shared' : `n${i}`);
  const ending = (i: number) => ({ ...request(i, mode, over), fence: 1, used: 1, lineage: 1, queued: false });
  return {
    texts: SCRIPTS,
    commands: 2,
    before: (server) =>
      isShared
        ? server.run([named(words.acquireAtGate(request(9e9, mode, { leaseMs: 80_000_000 })), 'shared')])
        : Promise.resolve(),
    rounds: (server, from, to) =>
      server.run(
        range(from, to).flatMap((i) => [
          named(words.acquireAtGate(request(i, mode, over)), name(i)),
          named(words.releaseAtGate(ending(i)), name(i)),
        ]),
      ),
  };
};

const renewal = (mode: Mode): Kind => ({
  texts: SCRIPTS,
  commands: 1,
  before: (server) => {
    const asked = request(1, mode, { leaseMs: 1_000 });
    return server.run([mode === 'x' ? words.acquirePlainly(asked) : words.acquireAtGate(asked)]);
  },
  rounds: (server, from, to) =>
    server.run(
      range(from, to).map((i) =>
        mode === 'x'
          ? words.renewPlainly(token(1), 30_000 + i * 10, { fence: 1, lineage: 1 })
          : words.renewAtGate(token(1), 30_000 + i * 10, 1),
      ),
    ),
});

const upgrades: Kind = {
  texts: SCRIPTS,
  commands: 4,
  rounds: (server, from, to) =>
    server.run(
      range(from, to).flatMap((i) =>
        [
          words.acquireAtGate(request(i, 'u')),
          words.upgrade(token(i), 'w'),
          words.downgrade(token(i), 1),
          words.releaseAtGate({ ...request(i, 'u'), fence: 1, used: 1, lineage: 1, queued: false }),
        ].map((call) => named(call, `n${i}`)),
      ),
    ),
};

const KINDS: Readonly<Record<string, Kind>> = {
  ...(other && { 'exclusive, of the other checkout': exclusive(other.SCRIPTS) }),
  exclusive: exclusive(SCRIPTS),
  'shared, alone': atGate('s', false),
  'shared, beside a reader': atGate('s', true),
  'permit of 5, alone': atGate('l', false),
  'permit of 5, beside another': atGate('l', true),
  'exclusive for 30 days': atGate('x', false, { leaseMs: 30 * 86_400_000 }),
  'upgradeable, upgrade, downgrade': upgrades,
  'renewal, exclusive': renewal('x'),
  'renewal, shared': renewal('s'),
};

async function measured(kind: Kind, pairs: number, server: Server): Promise<void> {
  await server.load(kind.texts);
  await kind.before?.(server);
  for (let from = 0; from < pairs; from += CHUNK) await kind.rounds(server, from, from + CHUNK);
}

async function instructions(kind: Kind, pairs: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gate-cost-'));
  const file = join(folder, 'callgrind.out');
  const server = await start(['valgrind', '--quiet', '--tool=callgrind', `--callgrind-out-file=${file}`]);
  await measured(kind, pairs, server);
  await server.stop();
  const counted = /^(?:summary|totals): (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1];
  rmSync(folder, { recursive: true, force: true });
  return Number(counted);
}

async function microseconds(kind: Kind): Promise<number> {
  const server = await start();
  await measured(kind, 4_000, server); // warm
  await server.redis.config('RESETSTAT');
  for (let from = 0; from < 20_000; from += CHUNK) await kind.rounds(server, 1e6 + from, 1e6 + from + CHUNK);
  const stats = await server.redis.info('commandstats');
  const usec = /cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1];
  await server.stop();
  return Number(usec) / 20_000;
}

async function manyHolders(): Promise<void> {
  const server = await start();
  await server.load(SCRIPTS);
  const used = async () => Number(/used_memory:(\d+)/.exec(await server.redis.info('memory'))![1]);
  const before = await used();
  for (const from of range(0, HOLDERS / CHUNK))
    await server.run(
      range(from * CHUNK, (from + 1) * CHUNK).map((i) => words.acquireAtGate(request(i, 's'))),
    );
  console.log(`${HOLDERS} holders of one name: ${((await used()) - before) / HOLDERS} bytes each`);
  const time = async (what: string, calls: readonly Call[]) => {
    await server.redis.config('RESETSTAT');
    await server.run(calls);
    const [, count, usec] = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(
      await server.redis.info('commandstats'),
    )!;
    console.log(`  ${what}: ${(Number(usec) / Number(count)).toFixed(1)} µs`);
  };
  const more = range(HOLDERS, HOLDERS + 100);
  const ending = (i: number) => ({ ...request(i, 's'), fence: 1, used: 1, lineage: 1, queued: false });
  await time(
    'one more reader',
    more.map((i) => words.acquireAtGate(request(i, 's'))),
  );
  await time(
    'one renewed',
    more.map((i) => words.renewAtGate(token(i), 31_000, 1)),
  );
  await time(
    'one released',
    more.map((i) => words.releaseAtGate(ending(i))),
  );
  await time('a writer is queued', [words.acquireAtGate(request(5_000, 'x'))]);
  await time('inspected', [words.inspect()]);
  await server.run([words.releaseAtGate({ ...ending(5_000), mode: 'x', queued: true })]);
  await time('all ended by force', [words.force('by hand', 0)]);
  await server.run([words.acquireAtGate(request(1, 'x', { leaseMs: 100_000_000 }))]);
  for (const from of range(1, HOLDERS / CHUNK + 1))
    await server.run(
      range(from * CHUNK, (from + 1) * CHUNK).map((i) =>
        words.acquireAtGate({ ...request(i, 's'), tail: 'lock:c:~nobody!|' }),
      ),
    );
  await time(`${HOLDERS} readers let in at once`, [words.releaseAtGate({ ...ending(1), mode: 'x' })]);
  await server.stop();
}

console.log(`key ${KEY}; per round: commands, server instructions, server µs`);
for (const [name, kind] of Object.entries(KINDS)) {
  if (!name.includes(only)) continue;
  const few = await instructions(kind, PAIRS);
  const many = await instructions(kind, 3 * PAIRS);
  const each = Math.round((many - few) / (2 * PAIRS));
  console.log(
    `${name.padEnd(34)} ${kind.commands}  ${String(each).padStart(7)}  ${(await microseconds(kind)).toFixed(1)}`,
  );
}
if (only === '') await manyHolders();
