import { setMaxListeners } from 'node:events';
import { describe, expect, it, jest } from '@jest/globals';
import { type LineMember, LocalQueue } from '../../lib/local-queue.js';
import { ManualClock } from '../../lib/testing/index.js';

interface Member extends LineMember {
  readonly id: string;
}

/** One request to the store, answered by the test. */
interface Asked {
  readonly head: string;
  readonly signal: AbortSignal;
  grant(grant: string): void;
  fail(error: Error): void;
}

function openQueue() {
  const clock = new ManualClock();
  const asked: Asked[] = [];
  const givenBack: string[] = [];
  const ask = (head: Member, signal: AbortSignal) => {
    return new Promise<string>((grant, fail) => {
      signal.addEventListener('abort', () => fail(new Error('aborted')));
      asked.push({ head: head.id, signal, grant, fail });
    });
  };
  const queue = new LocalQueue<Member, string>(clock, ask, (grant) => void givenBack.push(grant));
  const wait = (id: string, options: Partial<LineMember> = {}) => {
    const tooLate = () => new Error(`${id} came too late`);
    return queue.wait({ id, waitMs: Infinity, signal: undefined, tooLate, ...options });
  };
  return { clock, asked, givenBack, queue, wait, turn: () => clock.advanceAsync(0) };
}

describe('the line of one name in this process', () => {
  it('asks the store for its head only, and serves in the order of the calls', async () => {
    const { asked, wait, queue, turn } = openQueue();
    const served: string[] = [];
    for (const id of ['a', 'b', 'c']) void wait(id).then((grant) => served.push(`${id} ${grant}`));
    expect(asked.map(({ head }) => head)).toEqual(['a']);
    for (const turnNo of [0, 1, 2]) {
      asked[turnNo]!.grant(`grant ${turnNo}`);
      await turn();
    }
    expect(served).toEqual(['a grant 0', 'b grant 1', 'c grant 2']);
    expect([queue.size, queue.head, asked.length]).toEqual([0, undefined, 3]);
  });

  it('keeps its place in the store when the head gives up: the grant goes to the next', async () => {
    const { asked, wait, turn } = openQueue();
    const leaving = new AbortController();
    const first = wait('a', { signal: leaving.signal });
    const second = wait('b');
    leaving.abort(new Error('a left'));
    await expect(first).rejects.toThrow('a left');
    expect(asked).toHaveLength(1);
    expect(asked[0]!.signal.aborted).toBe(false);
    asked[0]!.grant('the place of a');
    await expect(second).resolves.toBe('the place of a');
    await turn();
    expect(asked).toHaveLength(1);
  });

  it('gives its place up when the last one leaves', async () => {
    const { asked, wait } = openQueue();
    const leaving = new AbortController();
    const only = wait('a', { signal: leaving.signal });
    leaving.abort(new Error('a left'));
    await expect(only).rejects.toThrow('a left');
    expect(asked[0]!.signal.aborted).toBe(true);
  });

  it('gives back a grant that crossed the leaving of the last one', async () => {
    const { asked, givenBack, wait, turn } = openQueue();
    const leaving = new AbortController();
    const only = wait('a', { signal: leaving.signal });
    asked[0]!.grant('too late');
    leaving.abort(new Error('a left'));
    await expect(only).rejects.toThrow('a left');
    await turn();
    expect(givenBack).toEqual(['too late']);
  });

  it('asks anew for one that comes after the last one left, and does not mix the two up', async () => {
    const { asked, givenBack, wait, turn } = openQueue();
    const leaving = new AbortController();
    const first = wait('a', { signal: leaving.signal });
    leaving.abort(new Error('a left'));
    const second = wait('b');
    await expect(first).rejects.toThrow('a left');
    await turn();
    expect(asked.map(({ head }) => head)).toEqual(['a', 'b']);
    asked[1]!.grant('for b');
    await expect(second).resolves.toBe('for b');
    expect(givenBack).toEqual([]);
  });

  it('a wait ends after waitMs with its own error, and the others go on', async () => {
    const { clock, asked, wait } = openQueue();
    const first = wait('a', { waitMs: 100 });
    const second = wait('b', { waitMs: 200 });
    const ended = first.catch(String);
    clock.advance(100);
    await expect(ended).resolves.toBe('Error: a came too late');
    asked[0]!.grant('x');
    await expect(second).resolves.toBe('x');
  });

  it('an error of the store is the answer for all who wait, at once, and the next caller asks again', async () => {
    const { asked, wait, turn } = openQueue();
    const waiting = Promise.allSettled([wait('a'), wait('b'), wait('c')]);
    asked[0]!.fail(new Error('no store'));
    const reasons = (await waiting).map((outcome) => outcome.status === 'rejected' && String(outcome.reason));
    expect(reasons).toEqual(Array(3).fill('Error: no store'));
    const next = wait('d');
    await turn();
    expect(asked.map(({ head }) => head)).toEqual(['a', 'd']);
    asked[1]!.grant('x');
    await expect(next).resolves.toBe('x');
  });

  it('dismisses everybody with one reason and gives its place up', async () => {
    const { asked, wait, queue } = openQueue();
    const waiting = Promise.allSettled([wait('a'), wait('b')]);
    queue.dismiss(new Error('closing'));
    const reasons = (await waiting).map((outcome) => outcome.status === 'rejected' && String(outcome.reason));
    expect(reasons).toEqual(['Error: closing', 'Error: closing']);
    expect(asked[0]!.signal.aborted).toBe(true);
  });

  it('leaves no timer and no listener, however a wait ends', async () => {
    const { clock, asked, wait, queue } = openQueue();
    const signals = [1, 2, 3].map(() => new AbortController().signal);
    const removed = signals.map((signal) => jest.spyOn(signal, 'removeEventListener'));
    const [granted, late, dismissed] = signals.map((signal, index) =>
      wait(`${index}`, { signal, waitMs: 100 * (index + 1) }),
    );
    asked[0]!.grant('x');
    await granted;
    const ended = late!.catch(String);
    await clock.advanceAsync(200);
    await expect(ended).resolves.toContain('too late');
    queue.dismiss(new Error('closing'));
    await expect(dismissed).rejects.toThrow('closing');
    expect(clock.pendingTimers).toBe(0);
    for (const spy of removed) expect(spy).toHaveBeenCalledWith('abort', expect.any(Function));
  });

  it('lets 10 000 leave from the middle without disturbing the first and the last', async () => {
    const { asked, wait, queue, turn } = openQueue();
    const leaving = new AbortController();
    setMaxListeners(0, leaving.signal);
    const first = wait('first');
    const middle = Array.from({ length: 10_000 }, (_, id) => wait(`${id}`, { signal: leaving.signal }));
    const gone = Promise.allSettled(middle);
    const last = wait('last');
    leaving.abort(new Error('gone'));
    await gone;
    expect(queue.size).toBe(2);
    asked[0]!.grant('one');
    await expect(first).resolves.toBe('one');
    await turn();
    asked[1]!.grant('two');
    await expect(last).resolves.toBe('two');
  });
});
