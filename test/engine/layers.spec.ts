import { describe, expect, it } from '@jest/globals';
import { ancestorsOf, withAncestors } from '../../lib/layers.js';
import { failureOf } from '../support/failure-of.js';
import type { LockStore } from '../../lib/stores/lock-store.js';
import { countedLocks } from '../support/counted-locks.js';
import { ManualLocks } from '../support/manual-locks.js';
import { lookedAtLater } from '../../lib/testing/contract/port-process.js';

const LAYERS = { layers: true } as const;
const WHOLE = { mode: 'exclusive', limit: undefined, weight: 1 } as const;

describe('the names above a name', () => {
  it.each([
    ['group:42', []],
    ['group:42/thread:1', ['group:42']],
    ['a/b/c', ['a', 'a/b']],
    ['é/%2F', ['é']],
  ])('%s: %j', (name, above) => expect(ancestorsOf(name)).toEqual(above));

  it.each([['/a'], ['a/'], ['a//b'], [`a${'/a'.repeat(16)}`]])('%s is refused', (name) => {
    expect(() => ancestorsOf(name)).toThrow(/^lock name "/);
  });

  it('are held for what is below, the stronger of two, and stand before it', () => {
    const names = [
      { name: 'g/t/m', kind: { ...WHOLE, mode: 'shared' } },
      { name: 'g/t/n', kind: { ...WHOLE, mode: 'shared' } },
      { name: 'g/u', kind: WHOLE },
    ] as const;
    const told = withAncestors(names, () => 'here').map(({ name, kind }) => `${name} ${kind.mode}`);
    expect(told).toEqual([
      'g intention-exclusive',
      'g/t intention-shared',
      'g/t/m shared',
      'g/t/n shared',
      'g/u exclusive',
    ]);
  });

  it('are not taken twice where the list has one of them for itself', () => {
    const names = [
      { name: 'g', kind: WHOLE },
      { name: 'g/t', kind: { ...WHOLE, mode: 'upgradeable' } },
    ] as const;
    expect(withAncestors(names, () => 'here')).toEqual(names);
  });

  it.each([
    [{ ...WHOLE, mode: 'shared' } as const, 'mode "shared"'],
    [{ ...WHOLE, mode: 'upgradeable' } as const, 'mode "upgradeable"'],
    [{ ...WHOLE, limit: 5 } as const, 'a limit'],
  ])('cannot be asked for with %j by the same list', (kind, how) => {
    const names = [
      { name: 'g', kind },
      { name: 'g/t', kind: WHOLE },
    ];
    expect(() => withAncestors(names, () => 'acquire(…)')).toThrow(
      `acquire(…): the name "g" stands there with ${how}, which does not go with "g/t" below it`,
    );
  });
});

describe('a layered lease', () => {
  it('has the name and the token that it was asked for, and its events tell of nothing else', async () => {
    const locks = new ManualLocks().open(LAYERS);
    const lease = await locks.acquire('g/t', { label: 'me' });
    expect([lease.name, lease.names, lease.mode]).toEqual(['g/t', ['g/t'], 'exclusive']);
    expect([...lease.fencingTokens]).toEqual([['g/t', lease.fencingToken]]);
    await lease.release();
    const told = locks.events.map(({ event, ...rest }) => [event, 'name' in rest && rest.name]);
    expect(told).toEqual([
      ['acquired', 'g/t'],
      ['released', 'g/t'],
    ]);
  });

  it('shows in held() and inspect() what it holds above, and how', async () => {
    const locks = new ManualLocks().open(LAYERS);
    const lease = await locks.acquire('g/t/m', { mode: 'shared', label: 'reader' });
    expect(locks.held().map(({ name, mode }) => `${name} ${mode}`)).toEqual([
      'g intention-shared',
      'g/t intention-shared',
      'g/t/m shared',
    ]);
    const { mode, holders } = await locks.inspect('g');
    expect([mode, holders.length, holders[0]?.label]).toEqual(['intention-shared', 1, 'reader']);
    await lease.release();
    expect(locks.held()).toEqual([]);
  });

  it('of one process share what they hold above: beside the first one it costs no command', async () => {
    const { locks, asked } = countedLocks(LAYERS);
    const first = await locks.acquire('g/1');
    expect(asked.splice(0)).toEqual(['acquire', 'acquire']);
    const second = await locks.acquire('g/2');
    expect(asked.splice(0)).toEqual(['acquire']);
    await first.release();
    expect(asked.splice(0)).toEqual(['release']);
    await second.release();
    expect(asked).toEqual(['release', 'release']);
  });

  it('does not keep one who wants the whole waiting for longer than a slice and the sections in progress', async () => {
    const { locks, other, clock } = countedLocks(LAYERS);
    let wholeAt = 0;
    const began = clock.monotonicMs();
    const ended: Promise<unknown>[] = [];
    const edit = (n: number) => locks.using(`g/${n}`, () => clock.advanceAsync(0), { waitMs: 60_000 });
    const first = await locks.acquire('g/0');
    const whole = other.acquire('g', { waitMs: 60_000 }).then((lease) => {
      wholeAt = clock.monotonicMs() - began;
      return lease;
    });
    // Without pause: a new one before the last one has ended.
    let last = first;
    for (let n = 1; n <= 30; n++) {
      const next = lookedAtLater(locks.acquire(`g/${n}`, { waitMs: 60_000 }));
      await clock.advanceAsync(2);
      await last.release();
      await clock.advanceAsync(0);
      if (wholeAt > 0) {
        ended.push(next.then((lease) => lease.release()));
        break;
      }
      last = await next;
    }
    expect(wholeAt).toBeGreaterThan(0);
    expect(wholeAt).toBeLessThanOrEqual(10 + 2 + 2);
    await (await whole).release();
    await clock.advanceAsync(0);
    await Promise.all([...ended, edit(99)]);
  });

  it('is lost with what it holds above, says which it was, and frees the rest when its work ends', async () => {
    const process = new ManualLocks();
    const [locks, other] = [process.open(LAYERS), process.open(LAYERS)];
    const lease = await locks.acquire('g/t');
    await other.forceRelease('g', 'stuck');
    expect([lease.state, lease.signal.aborted]).toEqual(['lost', true]);
    expect(lease.signal.reason).toMatchObject({ code: 'LOCK_LOST', lockName: 'g', cause: 'forced' });
    expect(await other.isLocked('g/t')).toBe(true);
    expect(await lease.release()).toBe('lost');
    expect(await other.isLocked('g/t')).toBe(false);
    expect(locks.events.find(({ event }) => event === 'lost')).toMatchObject({
      name: 'g',
      mode: 'intention-exclusive',
    });
  });

  it('can be upgraded and downgraded, and what it holds above stays', async () => {
    const process = new ManualLocks();
    const [locks, other] = [process.open(LAYERS), process.open(LAYERS)];
    const lease = await locks.acquire('g/t', { mode: 'upgradeable' });
    expect((await other.inspect('g')).mode).toBe('intention-exclusive');
    await lease.upgrade();
    expect(lease.mode).toBe('exclusive');
    await lease.downgrade();
    expect([lease.mode, (await other.inspect('g')).mode]).toEqual(['shared', 'intention-exclusive']);
    await lease.release();
  });

  it('goes from hand to hand though the hold above has been granted anew, and is not asked for again', async () => {
    const { locks, asked, work, turn } = countedLocks({ ...LAYERS, cohortMs: 50 });
    const beside = await locks.acquire('g/u');
    work(45);
    const first = await locks.acquire('g/t'); // within the slice of what is held above
    work(15);
    const next = lookedAtLater(locks.acquire('g/t')); // after it
    await turn();
    asked.length = 0;
    await first.release();
    await (await next).release();
    expect(asked.filter((what) => what === 'acquire')).toEqual([]);
    await beside.release();
  });

  it('is an error, and nothing stays held, on a store whose tokens do not rise however often it is asked', async () => {
    const low = async (grant: ReturnType<LockStore['acquire']>) => {
      const given = await grant;
      if (given.outcome === 'granted' && given.hold.name === 'g/t')
        Object.assign(given.hold, { fencingToken: 1, lastFencingToken: 1 });
      return given;
    };
    const { locks, other } = countedLocks(LAYERS, (store) => ({
      acquire: (request, signal) => low(store.acquire(request, signal)),
    }));
    expect(await failureOf(locks.acquire('g/t'))).toMatchObject({
      code: 'LOCK_STORE_UNAVAILABLE',
      lockName: 'g/t',
    });
    expect(await other.isLocked('g')).toBe(false);
    expect(locks.held()).toEqual([]);
  });

  it('on several names has no name of its own, as ever', async () => {
    const locks = new ManualLocks().open(LAYERS);
    const lease = await locks.acquire(['g/1', 'g/2']);
    expect(() => lease.fencingToken).toThrow(/LOCK_SEVERAL_NAMES|one name/);
    await lease.release();
  });

  it('on a name without a slash is a lease like any other', async () => {
    const { locks, asked } = countedLocks(LAYERS);
    await locks.using('g', () => undefined);
    expect(asked).toEqual(['acquire', 'release']);
  });
});

describe('inside of a layered lock', () => {
  it('reentrant: false refuses the name that is held, not one beside it', async () => {
    const locks = new ManualLocks().open({ ...LAYERS, reentrant: false });
    await locks.using('g/1', async () => {
      await locks.using('g/2', () => undefined);
      expect(await failureOf(locks.acquire('g/1'))).toMatchObject({ code: 'LOCK_REENTRANT' });
    });
  });

  it.each([
    ['g/1', {}, 'g', {}, /a lock below "g" is held by this call chain, and 'exclusive' from inside/],
    ['g/1', { mode: 'shared' }, 'g/2', {}, /a lock below "g" is held .* a lock below it that is not shared/],
    [
      'g',
      { mode: 'shared' },
      'g/1',
      {},
      /"g" is held with mode: 'shared' .* a lock below it that is not shared/,
    ],
  ] as const)(
    'of %s (%j), %s (%j) would wait for itself and is refused',
    async (outer, how, inner, as, why) => {
      const locks = new ManualLocks().open(LAYERS);
      await locks.using(
        outer,
        async () => {
          const error = await failureOf(locks.acquire(inner, as));
          expect(error).toMatchObject({ code: 'LOCK_REENTRANT' });
          expect(error.message).toMatch(why);
        },
        how,
      );
    },
  );

  it('siblings below it run beside each other, and one of them excludes a sibling that wants all of it', async () => {
    const { locks, asked, turn } = countedLocks(LAYERS);
    await locks.using('g', async () => {
      asked.length = 0;
      const [one, two] = await Promise.all([locks.acquire('g/1'), locks.acquire('g/2')]);
      expect(asked).toEqual(['acquire', 'acquire']);
      const whole = lookedAtLater(locks.acquire('g'));
      await turn();
      expect(one.state).toBe('held');
      await Promise.all([one.release(), two.release()]);
      await (await whole).release();
    });
  });
});
