import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { LockManagerOptions } from '../../lib/lock-options.js';
import { LockStoreError } from '../../lib/lock-errors.js';
import { byBytes, checkNames, inOrder } from '../../lib/several-names.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { lookedAtLater } from '../../lib/testing/contract/port-process.js';
import { ManualLocks, type ManualManager } from '../support/manual-locks.js';

/** A manager that notes what it asks of its store, name by name, and another process beside it. */
function open(
  options: Partial<LockManagerOptions> = {},
  spoil: (store: LockStore) => Partial<LockStore> = () => ({}),
) {
  const process = new ManualLocks();
  const asked: string[] = [];
  const locks = process.open(options, (plain) => {
    const { acquire, release } = { ...bound(plain), ...spoil(plain) };
    return {
      acquire: (request, signal) => {
        asked.push(`${request.wait ? 'wait for' : 'try'} ${request.name}`);
        return acquire(request, signal);
      },
      renew: (requests) => {
        asked.push(`renew ${requests.map(({ hold }) => hold.name).join(' ')}`);
        return plain.renew(requests);
      },
      release: (hold, onSent) => {
        asked.push(`release ${hold.name}`);
        return release(hold, onSent);
      },
    };
  });
  const turn = () => process.clock.advanceAsync(0);
  return { process, clock: process.clock, locks, other: process.open(), asked, turn };
}

function bound(store: LockStore): Pick<LockStore, 'acquire' | 'release'> {
  return { acquire: store.acquire.bind(store), release: store.release.bind(store) };
}

/** Which of these names nobody holds, asked by another process. */
async function free(other: ManualManager, ...names: string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) if (!(await other.isLocked(name))) found.push(name);
  return found;
}

const place = () => 'acquire(…)';
const WHOLE = { mode: 'exclusive', limit: undefined, weight: 1 } as const;

describe('a name of a list', () => {
  it('may have a mode, or a limit and a weight, of its own', async () => {
    const { locks, other } = open();
    const lease = await locks.acquire([
      'a',
      { name: 'b', mode: 'shared' },
      { name: 'c', limit: 2 },
      { name: 'd', limit: 3, weight: 2 },
    ]);
    expect(lease.mode).toBe('exclusive');
    expect(await other.tryAcquire(['b'], { mode: 'shared' })).not.toBeNull();
    expect(await other.tryAcquire('c', { limit: 2 })).not.toBeNull();
    expect(await other.tryAcquire('d', { limit: 3, weight: 2 })).toBeNull();
    expect(await other.tryAcquire('a', { mode: 'shared' })).toBeNull();
    await expect(lease.upgrade()).rejects.toMatchObject({ code: 'LOCK_SEVERAL_NAMES' });
    await lease.release();
    expect(await other.tryAcquire('a', { mode: 'shared' })).not.toBeNull();
  });
});

describe('a list of names', () => {
  it('is put in the order of the bytes of UTF-8, where JavaScript has another one', () => {
    const names = ['\u{1f512}', '\ufffd', 'é', 'z', 'a', 'ab', 'B'];
    const sorted = inOrder(
      names.map((name) => ({ name })),
      WHOLE,
      place,
    ).map(({ name }) => name);
    expect(sorted).toEqual(['B', 'a', 'ab', 'z', 'é', '\ufffd', '\u{1f512}']);
    expect(names.toSorted()).not.toEqual(sorted);
    const text = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(byBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
  });

  it('has each name once, however it was typed', () => {
    const listed = checkNames(['caf\u00e9', 'a', 'cafe\u0301', { name: 'a' }]) as { name: string }[];
    expect(inOrder(listed, WHOLE, place)).toEqual([
      { name: 'a', kind: WHOLE },
      { name: 'caf\u00e9', kind: WHOLE },
    ]);
  });

  it.each([
    ['an empty list', [], 'LOCK_NAME_INVALID', 'must not be empty'],
    ['a bad name', ['a', ''], 'LOCK_NAME_INVALID', 'non-empty string, got ""'],
    ['a list in a list', [['a']], 'LOCK_NAME_INVALID', 'got an array'],
    ['an object without a name', [{ id: 5 }], 'LOCK_NAME_INVALID', 'got undefined'],
    ['null', ['a', null], 'LOCK_NAME_INVALID', 'got null'],
    ['a field that is unknown', [{ name: 'a', ttl: 5 }], 'LOCK_OPTIONS_INVALID', '"ttl" is not known'],
    [
      'a weight above its limit',
      [{ name: 'a', limit: 5, weight: 6 }],
      'LOCK_OPTIONS_INVALID',
      'weight must be an integer from 1 to 5, got 6',
    ],
    [
      'a mode that is none',
      [{ name: 'a', mode: 'mutex' }],
      'LOCK_OPTIONS_INVALID',
      'mode must be one of exclusive',
    ],
    [
      'a mode that is no text',
      [{ name: 'a', mode: 5 }],
      'LOCK_OPTIONS_INVALID',
      'mode must be one of exclusive, shared, upgradeable, got 5',
    ],
    [
      'two modes for one name',
      ['a', { name: 'a', mode: 'shared' }],
      'LOCK_OPTIONS_INVALID',
      'the name "a" stands there with mode "exclusive" and with mode "shared"',
    ],
    [
      '101 names',
      Array.from({ length: 101 }, (_, n) => `name:${n}`),
      'LOCK_NAME_INVALID',
      'acquire("name:0", "name:1", "name:2" and 98 more): at most 100 names can be taken together, got 101',
    ],
  ])('is refused, and nothing is locked: %s', async (_what, names, code, says) => {
    const { locks, asked } = open();
    const refused = locks.acquire(names as string[]);
    await expect(refused).rejects.toMatchObject({ name: 'LockUsageError', code });
    await expect(refused).rejects.toThrow(says);
    expect(asked).toEqual([]);
  });

  it('of one distinct name is that name, and costs what it costs', async () => {
    const { locks, asked } = open();
    for (const names of [['a'], ['a', 'a'], [{ name: 'a', mode: 'exclusive' }] as const]) {
      const lease = await locks.acquire(names);
      expect([lease.name, lease.names, lease.fencingTokens.get('a')]).toEqual([
        'a',
        ['a'],
        lease.fencingToken,
      ]);
      await lease.release();
    }
    expect(asked.slice(0, 2)).toEqual(['wait for a', 'release a']);
    expect(asked).toHaveLength(6);
  });

  it('of a hundred is taken', async () => {
    const { locks } = open();
    const names = Array.from({ length: 100 }, (_, n) => `name:${n}`);
    await using lease = await locks.acquire([...names, ...names]);
    expect(lease.names).toHaveLength(100);
    expect(locks.held()).toHaveLength(100);
  });
});

describe('several names that are free', () => {
  it('are asked for once each, in one turn, and given back in one', async () => {
    const { locks, asked } = open();
    const lease = await locks.acquire(['c', 'a', 'b']);
    expect(asked).toEqual(['try a', 'try b', 'try c']);
    expect(lease.names).toEqual(['a', 'b', 'c']);
    await lease.release();
    expect(asked.slice(3)).toEqual(['release a', 'release b', 'release c']);
  });

  it('are an event each, when all of them are there', async () => {
    const { locks, other, turn } = open();
    const held = await other.acquire('b');
    const waiting = locks.acquire(['c', 'b', 'a'], { label: 'transfer' });
    await turn();
    expect(locks.events).toEqual([{ event: 'waiting', name: 'b', label: 'transfer', mode: 'exclusive' }]);
    await held.release();
    await (await waiting).release();
    const told = locks.events.map((event) => `${event.event} ${'name' in event ? event.name : ''}`);
    expect(told.slice(1).toSorted()).toEqual([
      'acquired a',
      'acquired b',
      'acquired c',
      'released a',
      'released b',
      'released c',
    ]);
  });
});

describe('several names of which one is held', () => {
  it('are none for one who does not wait, and it says which one is held', async () => {
    const { locks, other, asked } = open();
    await other.acquire('b', { leaseMs: 5_000 });
    expect(await locks.tryAcquire(['c', 'b', 'a'])).toBeNull();
    expect(asked).toEqual(['try a', 'try b', 'try c', 'release a', 'release c']);
    expect(await locks.tryUsing(['c', 'b', 'a'], () => 'ran')).toEqual({ acquired: false });
    const refused = locks.acquire(['c', 'b', 'a'], { waitMs: 0 });
    await expect(refused).rejects.toMatchObject({ code: 'LOCK_BUSY', lockName: 'b', retryAfterMs: 5_000 });
    expect(await free(other, 'a', 'b', 'c')).toEqual(['a', 'c']);
    expect([locks.held(), locks.events]).toEqual([[], []]); // nobody was told of what nobody had
  });

  it('have been given back when one who does not wait is told so', async () => {
    const { locks, other } = open({}, (store) => ({
      release: async (hold) => {
        await new Promise(setImmediate); // its way to the store
        return store.release(hold);
      },
    }));
    await other.acquire('b');
    await locks.tryAcquire(['a', 'b']);
    expect(await other.tryAcquire('a')).not.toBeNull();
  });

  it('are waited for with only those held that come before it in the order of names', async () => {
    const { locks, other, asked, turn } = open();
    const held = await other.acquire('c');
    const waiting = locks.acquire(['d', 'c', 'b', 'a', 'e']);
    await turn();
    expect(asked.slice(5)).toEqual(['release d', 'release e', 'wait for c']);
    expect(await free(other, 'a', 'b', 'd', 'e')).toEqual(['d', 'e']);
    await held.release();
    const lease = await waiting;
    expect(asked.slice(8)).toEqual(['try d', 'try e']);
    expect([lease.names, lease.state]).toEqual([['a', 'b', 'c', 'd', 'e'], 'held']);
  });

  it('are waited for one after the other when several are held', async () => {
    const { locks, other, asked, turn } = open();
    const [a, c] = [await other.acquire('a'), await other.acquire('c')];
    const waiting = locks.acquire(['a', 'b', 'c']);
    await turn();
    expect(asked.splice(0)).toEqual(['try a', 'try b', 'try c', 'release b', 'wait for a']);
    await a.release();
    await turn();
    expect(asked.splice(0)).toEqual(['try b', 'try c', 'wait for c']);
    await c.release();
    await waiting;
    expect(asked).toEqual([]);
  });

  it('are waited for no longer than waitMs in all, and then none is locked', async () => {
    const { locks, other, clock, turn } = open();
    const [b] = [await other.acquire('b'), await other.acquire('c')];
    const refused = lookedAtLater(locks.acquire(['a', 'b', 'c'], { waitMs: 100 }));
    await clock.advanceAsync(60);
    await b.release();
    await clock.advanceAsync(39);
    expect(await free(other, 'a', 'b')).toEqual([]);
    await clock.advanceAsync(1);
    await expect(refused).rejects.toMatchObject({ code: 'LOCK_BUSY', lockName: 'c' });
    expect(await free(other, 'a', 'b')).toEqual(['a', 'b']);
    await turn();
    expect(clock.pendingForegroundTimers).toBe(0);
  });

  it('are refused when too many wait for the one that is held, and then none is locked', async () => {
    const { locks, other, turn } = open({ maxWaiters: 1 });
    await other.acquire('b');
    const first = locks.acquire('b').catch(() => undefined);
    await turn();
    await expect(locks.acquire(['a', 'b'])).rejects.toMatchObject({ code: 'LOCK_QUEUE_FULL', lockName: 'b' });
    expect(await free(other, 'a')).toEqual(['a']);
    await locks.close();
    await first;
  });

  it('are asked for again when one was lost meanwhile, with a new token for it', async () => {
    const { locks, other, turn, asked } = open();
    const b = await other.acquire('b');
    const waiting = locks.acquire(['a', 'b', 'c']);
    await turn();
    const forced = await other.forceRelease('a', 'an operator');
    await turn();
    asked.splice(0);
    await b.release();
    const lease = await waiting;
    expect(asked).toEqual(['try a', 'try c']);
    expect(lease.fencingTokens.get('a')).toBeGreaterThan(forced!.fencingToken);
    expect([lease.state, lease.signal.aborted]).toEqual(['held', false]);
  });

  it('begin their time when all are there, where nobody renews them', async () => {
    const { locks, other, clock, asked } = open();
    const b = await other.acquire('b');
    const waiting = locks.acquire(['a', 'b'], { renew: false, leaseMs: 1_000 });
    await clock.advanceAsync(900);
    expect(asked).not.toContain('renew a');
    await b.release();
    await clock.advanceAsync(1);
    const lease = await waiting;
    expect(asked.at(-1)).toBe('renew a b');
    expect(lease.remainingMs()).toBeGreaterThan(900);
  });
});

describe('a wait for several names that ends before its time', () => {
  it('by its signal leaves nothing locked, in a round of requests and in a queue', async () => {
    for (const inRound of [true, false]) {
      const hang: LockStore['acquire'] = (_, signal) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      const { locks, other, turn, clock } = open({}, (store) => ({
        acquire: (request, signal) =>
          inRound && request.name === 'b' ? hang(request, signal) : store.acquire(request, signal),
      }));
      if (!inRound) await other.acquire('b');
      const stop = new AbortController();
      const refused = lookedAtLater(locks.acquire(['a', 'b', 'c'], { signal: stop.signal }));
      await turn();
      expect(await free(other, 'a')).toEqual([]);
      stop.abort(new Error('enough'));
      await expect(refused).rejects.toThrow('enough');
      await turn();
      expect(await free(other, 'a', 'c')).toEqual(['a', 'c']);
      expect([locks.held(), clock.pendingForegroundTimers]).toEqual([[], 0]);
    }
  });

  it('by a signal that is aborted already asks for nothing', async () => {
    const { locks, asked } = open();
    await expect(locks.acquire(['a', 'b'], { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(asked).toEqual([]);
  });

  it('by an error of the store leaves nothing locked', async () => {
    const failure = new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer');
    const { locks, other } = open({}, (store) => ({
      acquire: (request, signal) =>
        request.name === 'b' ? Promise.reject(failure) : store.acquire(request, signal),
    }));
    await expect(locks.acquire(['a', 'b', 'c'])).rejects.toBe(failure);
    await expect(locks.tryAcquire(['a', 'b', 'c'])).rejects.toBe(failure);
    expect(await free(other, 'a', 'c')).toEqual(['a', 'c']);
  });

  it('by waitMs in a round that gets no answer says so, and leaves nothing locked', async () => {
    const { locks, other, clock } = open({}, (store) => ({
      acquire: (request, signal) =>
        request.name !== 'b'
          ? store.acquire(request, signal)
          : new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    }));
    const refused = lookedAtLater(locks.acquire(['a', 'b'], { waitMs: 300 }));
    await clock.advanceAsync(300);
    await expect(refused).rejects.toThrow(
      'the store did not answer for lock "b" within the 300 ms that the caller waits',
    );
    expect(await free(other, 'a')).toEqual(['a']);
    expect(clock.pendingForegroundTimers).toBe(0);
  });

  it('by closing leaves nothing locked', async () => {
    const { locks, other, turn } = open({ drainMs: 0 });
    await other.acquire('b');
    const refused = lookedAtLater(locks.acquire(['a', 'b']));
    await turn();
    await locks.close();
    await expect(refused).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
    expect(await free(other, 'a')).toEqual(['a']);
    await expect(locks.acquire(['a', 'b'])).rejects.toMatchObject({ code: 'LOCK_CLOSED' });
  });
});

describe('two who take the same names', () => {
  it('in opposite order never wait for each other', async () => {
    const { locks, other, clock } = open();
    const log: string[] = [];
    const rounds = async (manager: ManualManager, names: string[]) => {
      for (let round = 0; round < 20; round++)
        await manager.using(names, async () => {
          log.push('in');
          await new Promise(setImmediate);
          log.push('out');
        });
    };
    const all = Promise.all([
      rounds(locks, ['a', 'b']),
      rounds(locks, ['b', 'a']),
      rounds(other, ['a', 'b']),
      rounds(other, ['b', 'a']),
    ]);
    await clock.advanceAsync(5_000);
    await all;
    expect(log.join(' ')).toBe('in out '.repeat(80).trim());
  });
});

describe('several names of which the call chain holds one', () => {
  it('ask for the others only, and give only those back', async () => {
    const { locks, other, asked } = open();
    await locks.using('b', async (outer) => {
      asked.splice(0);
      await locks.using(['a', 'b', 'c'], (lease) => {
        expect(asked).toEqual(['try a', 'try c']);
        expect(lease.fencingTokens.get('b')).toBe(outer.fencingToken);
      });
      expect(asked.slice(2)).toEqual(['release a', 'release c']);
      expect(await free(other, 'a', 'b', 'c')).toEqual(['a', 'c']);
    });
    expect(await free(other, 'b')).toEqual(['b']);
  });

  it('do not give it away when another one is held', async () => {
    const { locks, other, turn } = open();
    const a = await other.acquire('a');
    await locks.using('b', async (outer) => {
      expect(await locks.tryAcquire(['a', 'b'])).toBeNull();
      expect([outer.state, await free(other, 'b')]).toEqual(['held', []]);
      const waiting = locks.using(['a', 'b'], () => 'both');
      await turn();
      await locks.using('b', () => undefined, { waitMs: 0 }); // nobody is inside of it while the other is waited for
      await a.release();
      expect(await waiting).toBe('both');
    });
  });

  it('wait for those who entered it beside us, in the order of names', async () => {
    const { locks, turn, other } = open();
    const order: string[] = [];
    let leave!: () => void;
    const sibling = new Promise<void>((resolve) => (leave = resolve));
    await locks.using('b', async () => {
      const first = locks.using('b', () => sibling.then(() => order.push('first')));
      const both = locks.using(['a', 'b', 'c'], () => order.push('both'));
      await turn();
      expect(await free(other, 'a', 'c')).toEqual(['c']);
      leave();
      await Promise.all([first, both]);
    });
    expect(order).toEqual(['first', 'both']);
  });

  it('are refused with reentrant: false, and nothing is locked', async () => {
    const { locks, other } = open();
    await locks.using('b', async () => {
      const nested = locks.acquire(['a', 'b'], { reentrant: false });
      await expect(nested).rejects.toMatchObject({ code: 'LOCK_REENTRANT', lockName: 'b' });
      expect(await free(other, 'a')).toEqual(['a']);
    });
  });

  it('are all entered again from inside of a lease that has all of them', async () => {
    const { locks, asked } = open();
    await locks.using(['a', 'b', 'c'], async () => {
      asked.splice(0);
      await locks.using('b', () => undefined);
      await locks.using(['c', 'a'], () => locks.using(['b', 'c'], () => undefined));
      const events = locks.events.filter(({ event }) => event === 'acquired');
      expect([asked, events.length]).toEqual([[], 3]);
    });
  });
});
