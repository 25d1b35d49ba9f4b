import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { AcquireOptions } from '../../lib/acquire-options.js';
import type { StopSignal } from '../../lib/stores/lock-store.js';
import { ManualLocks } from '../support/manual-locks.js';

const NAME = 'group:1';
const GONE = new Error('the client went away');

/** Whatever somebody passes as a signal. */
const given = (signal: unknown): AcquireOptions => ({ signal: signal as AbortSignal, waitMs: 1_000 });
const outcomeOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

function held() {
  const process = new ManualLocks();
  const [locks, other] = [process.open({ maxWaiters: 20_000 }), process.open()];
  return { process, locks, other, turn: () => process.clock.advanceAsync(0) };
}

describe('one signal for a thousand calls', () => {
  it('has one listener of ours, whatever they wait for, and none when nobody waits', async () => {
    const { process, locks, other, turn } = held();
    const second = process.open();
    const names = Array.from({ length: 10 }, (_, index) => `group:${index}`);
    const holders = await Promise.all(names.map((name) => other.acquire(name)));
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 1_000 }, (_, index) =>
      (index % 2 ? locks : second).using(names[index % 10]!, () => index, { signal }),
    );
    const trying = [1, 2, 3].map(() => locks.tryAcquire('free', { signal }));
    await turn();
    expect(listeners(signal)).toBe(1);
    await Promise.all(holders.map((lease) => lease.release()));
    for (let again = 0; again < 400; again += 1) await process.clock.advanceAsync(1);
    expect(await Promise.all(waiting)).toHaveLength(1_000);
    await Promise.all(trying);
    expect(listeners(signal)).toBe(0);
  });

  it('ends all their waits with its reason, also of those who come back to it later', async () => {
    const { locks, other, turn } = held();
    const holder = await other.acquire(NAME);
    const controller = new AbortController();
    const { signal } = controller;
    await locks.using('before', () => undefined, { signal });
    expect(listeners(signal)).toBe(0);
    const waiting = Array.from({ length: 1_000 }, () => outcomeOf(locks.acquire(NAME, { signal })));
    await turn();
    controller.abort(GONE);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([GONE]));
    expect([listeners(signal), (await locks.inspect(NAME)).waitingHere]).toEqual([0, 0]);
    await expect(locks.acquire(NAME, { signal })).rejects.toBe(GONE);
    await expect(locks.tryAcquire(NAME, { signal })).rejects.toBe(GONE);
    await holder.release();
    expect(await other.isLocked(NAME)).toBe(false);
  });

  it('ends the wait of one who only tries, while its store is silent', async () => {
    const process = new ManualLocks();
    const silent = process.open({}, () => ({
      acquire: (_request, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    }));
    const controller = new AbortController();
    const trying = outcomeOf(silent.tryAcquire(NAME, { signal: controller.signal }));
    expect(listeners(controller.signal)).toBe(1);
    controller.abort(GONE);
    expect(await trying).toBe(GONE);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('that is aborted by a listener of «waiting» ends that very wait', async () => {
    const { locks, other } = held();
    const controller = new AbortController();
    await other.acquire(NAME);
    const first = outcomeOf(locks.acquire(NAME, { waitMs: 100 }));
    locks.on('waiting', ({ label }) => label === 'second' && controller.abort(GONE));
    await expect(locks.acquire(NAME, { signal: controller.signal, label: 'second' })).rejects.toBe(GONE);
    await locks.close();
    await first;
  });
});

class Signal implements StopSignal {
  aborted = false;
  reason: unknown = GONE;
  listener: (() => void) | undefined;
  addEventListener(_type: 'abort', listener: () => void): void {
    this.listener = listener;
  }
  removeEventListener(): void {
    this.listener = undefined;
  }
}

function throws(): never {
  throw new Error('no listeners here');
}

const HOSTILE: Record<string, () => object> = {
  'whose addEventListener throws': () => Object.assign(new Signal(), { addEventListener: throws }),
  'whose addEventListener listens, and then throws': () =>
    new (class extends Signal {
      override addEventListener(type: 'abort', listener: () => void) {
        super.addEventListener(type, listener);
        throws();
      }
    })(),
  'whose removeEventListener throws': () => Object.assign(new Signal(), { removeEventListener: throws }),
  'whose addEventListener calls back at once': () =>
    Object.assign(new Signal(), { addEventListener: (_: string, listener: () => void) => listener() }),
  'whose reason throws': () =>
    Object.defineProperty(
      Object.assign(new Signal(), { addEventListener: (_: string, listener: () => void) => listener() }),
      'reason',
      { get: throws },
    ),
  'whose aborted throws': () => Object.defineProperty(new Signal(), 'aborted', { get: throws }),
  'whose aborted throws when it is read again': () => {
    let reads = 0;
    return Object.defineProperty(new Signal(), 'aborted', { get: () => (reads++ > 0 ? throws() : false) });
  },
  'that throws whatever is asked of it': () => new Proxy(new Signal(), { get: throws, has: throws }),
  'that cannot be shown either': () => {
    const thrown = Object.create(null) as Error;
    const addEventListener = () => {
      throw thrown;
    };
    return Object.assign(new Signal(), { addEventListener });
  },
};

describe.each(Object.keys(HOSTILE))('a signal %s', (title) => {
  const open = () => HOSTILE[title]!();

  it('hurts nobody but its own call: the next one has its turn, nothing is held for nobody, and close() resolves', async () => {
    const { locks, other, turn } = held();
    const holder = await other.acquire(NAME);
    const first = outcomeOf(locks.using(NAME, () => 'ran', given(open())));
    const second = locks.using(NAME, () => 'ran');
    await turn();
    await holder.release();
    await turn();
    expect(await second).toBe('ran');
    const said = await first;
    expect(said === 'ran' || said instanceof Error).toBe(true);
    expect(locks.held()).toEqual([]);
    expect(await other.inspect(NAME)).toMatchObject({ held: false, waitingProcesses: 0 });
    expect(await locks.inspect(NAME)).toMatchObject({ waitingHere: 0 });
    await locks.close();
  });

  it('hurts nobody when its wait ends by itself, by closing, or was only a try', async () => {
    const { process, locks, other, turn } = held();
    const holder = await other.acquire(NAME);
    const late = outcomeOf(locks.acquire(NAME, given(open())));
    const tried = outcomeOf(locks.tryAcquire(NAME, { signal: open() as AbortSignal }));
    await process.clock.advanceAsync(1_000);
    await Promise.all([late, tried]);
    const left = outcomeOf(locks.acquire(NAME, given(open())));
    await turn();
    await locks.close();
    await left;
    await holder.release();
    expect(await other.isLocked(NAME)).toBe(false);
  });

  it('leaves no timer behind, nor anything held, where nobody else waits', async () => {
    const { process, locks, turn } = held();
    await outcomeOf(locks.using('never used again', () => 'ran', given(open())));
    await turn();
    expect(locks.held()).toEqual([]);
    await locks.close();
    expect(process.clock.pendingForegroundTimers).toBe(0);
  });
});

describe('what the caller is told', () => {
  it.each([
    ['addEventListener', /lock "group:1".*addEventListener threw.*no listeners here/],
    ['removeEventListener', undefined],
  ])('of a signal whose %s throws: a usage error that names it, or nothing', async (method, message) => {
    const { locks } = held();
    const outcome = await outcomeOf(
      locks.using(NAME, () => 'ran', given(Object.assign(new Signal(), { [method]: throws }))),
    );
    if (message === undefined) expect(outcome).toBe('ran');
    else
      expect(outcome).toMatchObject({
        code: 'LOCK_OPTIONS_INVALID',
        message: expect.stringMatching(message),
      });
  });

  it.each([
    [5, 'got 5'],
    ['abort', 'got "abort"'],
    [null, 'got null'],
    [{}, 'got an object without a method addEventListener'],
    [new AbortController(), 'the `signal` of an AbortController), got an object without'],
    [{ addEventListener: throws }, 'got an object without a method removeEventListener'],
    [{ addEventListener: throws, removeEventListener: throws }, 'got an object whose `aborted` is undefined'],
    [new Proxy({}, { get: throws }), 'got an object that throws when it is read: Error: no listeners here'],
  ])('of something that is no signal (%#): what it is', async (signal, message) => {
    const { locks } = held();
    const wrong = given(signal);
    for (const call of [
      () => locks.acquire(NAME, wrong),
      () => locks.tryAcquire(NAME, { signal: wrong.signal! }),
    ])
      await expect(call()).rejects.toMatchObject({
        code: 'LOCK_OPTIONS_INVALID',
        message: expect.stringContaining(message),
      });
  });

  it('of a signal that cannot be listened to comes at once: nobody is in the line with it', async () => {
    const { locks, other } = held();
    await other.acquire(NAME);
    const deaf = given(Object.assign(new Signal(), { addEventListener: throws }));
    await expect(locks.acquire(NAME, deaf)).rejects.toMatchObject({ lockName: NAME });
    expect((await locks.inspect(NAME)).waitingHere).toBe(0);
  });

  it('of a signal that calls back at once: its reason; and of one that has none: an AbortError', async () => {
    const { locks, other } = held();
    await other.acquire(NAME);
    const addEventListener = (_: string, listener: () => void) => listener();
    const atOnce = Object.assign(new Signal(), { addEventListener });
    await expect(locks.acquire(NAME, given(atOnce))).rejects.toBe(GONE);
    const silent = Object.assign(new Signal(), { addEventListener, reason: undefined });
    await expect(locks.acquire(NAME, given(silent))).rejects.toMatchObject({ name: 'AbortError' });
  });
});
