import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { LockError, LockManager, redisStore, type RedisStoreOptions } from '../../lib/index.js';
import { type Fate, RedisFront } from '../support/redis-front.js';
import { RedisWorkbench } from '../support/redis-workbench.js';

const bench = new RedisWorkbench();
beforeAll(() => bench.start());
afterEach(() => bench.clean());
afterAll(() => bench.stop());

const COMMAND_MS = 300;

const CLIENTS: Record<string, (url: string) => RedisStoreOptions> = {
  'ioredis 6': (url) => ({ client: lazily(new Redis(url, { lazyConnect: true })) }),
  'ioredis 5': (url) => ({ client: lazily(new Redis5(url, { lazyConnect: true })) }),
};

function lazily<C extends { disconnect(): void }>(client: C): C {
  bench.afterwards({ close: () => client.disconnect() });
  return client;
}

/** What a user may call first, before anybody has waited for `ready`. */
const FIRST_CALLS: Record<string, (locks: LockManager) => Promise<unknown>> = {
  ready: (locks) => locks.ready(),
  acquire: (locks) => locks.acquire('group:1', { waitMs: 1_000 }),
  tryAcquire: (locks) => locks.tryAcquire('group:1'),
  inspect: (locks) => locks.inspect('group:1'),
  forceRelease: (locks) => locks.forceRelease('group:1', 'by hand'),
};

/** The commands of a start, in their order on the wire, as far as anybody sends them. */
async function commandsOfAStart(options: (url: string) => RedisStoreOptions): Promise<string[]> {
  const front = await RedisFront.listen(bench.server.port);
  bench.afterwards(front);
  const seen: string[] = [];
  front.fate = (words) => {
    seen.push(words.slice(0, words[0]?.toLowerCase() === 'client' ? 2 : 1).join(' '));
    return 'pass';
  };
  const locks = new LockManager({ store: redisStore(options(front.url)), drainMs: 0 });
  await locks.ready();
  await locks.close();
  return seen;
}

/** What it threw; a start may well get over what happened. */
function endOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe.each(Object.entries(CLIENTS))(
  'the start over %s, any one of whose commands meets a fault',
  (_name, options) => {
    it('is a start of these commands, so that the tests below are about something', async () => {
      const commands = (await commandsOfAStart(options)).map((command) => command.toLowerCase());
      for (const one of ['info', 'subscribe', 'evalsha']) expect(commands).toContain(one);
    });

    it.each<Exclude<Fate, 'pass'>>(['cut', 'mute', 'unknown'])(
      'from then on: %s. What any first call rejects with is a LockError in our words, and nothing else is ever thrown',
      async (fate) => {
        const { length } = await commandsOfAStart(options);
        const thrown: unknown[] = [];
        const onThrown = (error: unknown) => void thrown.push(error);
        process.on('unhandledRejection', onThrown);
        const cells = Array.from({ length }, (_, struck) =>
          Object.keys(FIRST_CALLS).map((first) => ({ struck, first })),
        );
        await Promise.all(cells.flat().map((cell) => strike({ ...cell, fate, options })));
        process.off('unhandledRejection', onThrown);
        expect(thrown).toEqual([]);
      },
      60_000,
    );
  },
);

/** The fault lasts: a start that simply tries again must not get through. */
async function strike(cell: {
  readonly fate: Fate;
  /** How many commands go through before. */
  readonly struck: number;
  readonly first: string;
  readonly options: (url: string) => RedisStoreOptions;
}): Promise<void> {
  const front = await RedisFront.listen(bench.server.port);
  let seen = 0;
  front.fate = () => (seen++ >= cell.struck ? cell.fate : 'pass');
  const store = redisStore({ ...cell.options(front.url), commandMs: COMMAND_MS });
  const locks = new LockManager({ store, drainMs: 0 });
  locks.on('warning', () => undefined);
  const error = await endOf(FIRST_CALLS[cell.first]!(locks));
  front.close();
  await locks.close();
  const isOurs =
    error instanceof LockError && !/max retries|isn't writeable|Connection is closed/.test(error.message);
  if (error === undefined || isOurs) return;
  throw new Error(`${cell.first}, command ${cell.struck} of the start ${cell.fate}: ${inspect(error)}`);
}
