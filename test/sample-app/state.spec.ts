import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { MemoryState } from '../../sample-app/src/state/memory-state.js';
import { RedisState } from '../../sample-app/src/state/redis-state.js';
import {
  StaleWriteError,
  type State,
  type StateOptions,
  UnfencedWriteError,
} from '../../sample-app/src/state/state.js';
import { type RedisServer, startRedis } from '../support/start-redis.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

const implementations: [string, (options: StateOptions) => State][] = [
  ['memory', (options) => new MemoryState(options)],
  ['Redis', (options) => new RedisState(redis.url, { ...options, prefix: randomUUID() })],
];

describe.each(implementations)('the state in %s', (_kind, create) => {
  const opened: State[] = [];
  let state: State;
  const open = (options: StateOptions) => {
    const created = create(options);
    opened.push(created);
    return created;
  };
  const write = (fencingToken: number | undefined, value: string, resource = 'group:1') =>
    state.write({ resource, fencingToken, rows: [{ table: 'groups', id: '1', value: { value } }] });
  const stored = () => state.read('groups', '1');

  beforeEach(() => {
    state = open({ acceptUnfenced: false });
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.onApplicationShutdown();
  });

  it('knows nothing of a row that nobody wrote', async () => {
    expect(await stored()).toBeUndefined();
    expect(await state.list('groups')).toEqual([]);
  });

  it('refuses a fencing token smaller than the largest it has seen, names both, and keeps what it had', async () => {
    await write(8, 'of the later holder');
    const error = await write(7, 'stale').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StaleWriteError);
    expect(error).toMatchObject({ resource: 'group:1', fencingToken: 7, newestToken: 8 });
    expect(await stored()).toEqual({ value: 'of the later holder' });
  });

  it('compares tokens as numbers, at the size that they really have', async () => {
    const now = 1_795_000_000_000_000;
    await write(now + 10, 'later');
    await expect(write(now + 9, 'stale')).rejects.toBeInstanceOf(StaleWriteError);
    await write(now * 2, 'latest');
    await expect(write(999, 'stale')).rejects.toBeInstanceOf(StaleWriteError);
    expect(await stored()).toEqual({ value: 'latest' });
  });

  it('accepts several writes of one holder', async () => {
    await write(7, 'first');
    await write(7, 'second');
    expect(await stored()).toEqual({ value: 'second' });
  });

  it('remembers the largest token of each resource apart', async () => {
    await write(8, 'one', 'group:1');
    await write(7, 'other', 'group:2');
    expect(await stored()).toEqual({ value: 'other' });
  });

  it('writes none of the rows of a stale change', async () => {
    await write(8, 'kept');
    const rows = [
      { table: 'groups', id: '1', value: null },
      { table: 'names', id: 'x', value: { groupId: '1' } },
    ];
    await expect(state.write({ resource: 'group:1', fencingToken: 7, rows })).rejects.toBeInstanceOf(
      StaleWriteError,
    );
    expect(await stored()).toEqual({ value: 'kept' });
    expect(await state.list('names')).toEqual([]);
  });

  it('removes a row that is written as null', async () => {
    await write(7, 'here');
    await state.write({
      resource: 'group:1',
      fencingToken: 7,
      rows: [{ table: 'groups', id: '1', value: null }],
    });
    expect(await stored()).toBeUndefined();
  });

  it('refuses a write without a fencing token', async () => {
    await expect(write(undefined, 'unlocked')).rejects.toBeInstanceOf(UnfencedWriteError);
    expect(await stored()).toBeUndefined();
  });

  it('accepts a write without a fencing token when a story runs unlocked', async () => {
    state = open({ acceptUnfenced: true });
    await write(undefined, 'unlocked');
    expect(await stored()).toEqual({ value: 'unlocked' });
  });
});
