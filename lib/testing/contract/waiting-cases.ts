import assert from 'node:assert/strict';
import { type ContractCases, watchStore } from './contract-bench.js';
import { lookedAtLater } from './port-process.js';

export const waitingCases: ContractCases = {
  'processes are served in the order in which they were queued': async (bench) => {
    const [a, b, c, d] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const order: string[] = [];
    const waiting = [];
    for (const [letter, process] of Object.entries({ b, c, d })) {
      const { answer } = await process.queue('group:1');
      const inTurn = async () => {
        const grant = await answer;
        order.push(letter);
        await process.release(grant.hold);
      };
      waiting.push(inTurn());
    }
    assert.equal(await a.waiting('group:1'), 3);
    await a.release(hold);
    await bench.drive(Promise.all(waiting));
    assert.deepEqual(order, ['b', 'c', 'd']);
    assert.equal(await a.waiting('group:1'), 0);
  },

  'a release hands the name to the waiter: a newcomer that asks after it finds it busy': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { answer } = await b.queue('group:1');
    await a.release(hold);
    await c.findBusy('group:1');
    const grant = await bench.drive(answer);
    assert.equal((await c.store.inspect('group:1')).fencingToken, grant.hold.fencingToken);
  },

  'when a lease ends without a release, the first waiter goes before a newcomer': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    await a.take('group:1', { leaseMs: bench.leaseMs });
    const { answer } = await b.queue('group:1');
    await bench.advance(bench.leaseMs + 20);
    await c.findBusy('group:1');
    await bench.drive(answer);
  },

  'a waiter that gives up leaves the queue, and the one behind it is served': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const first = await b.queue('group:1');
    const second = await c.queue('group:1');
    const reason = new Error('the client went away');
    first.cancel(reason);
    assert.equal(await bench.failure(first.answer), reason);
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue to be free');
    await a.release(hold);
    await bench.drive(second.answer);
  },

  'a signal that is aborted before the call: nothing is locked': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const reason = new Error('too late');
    const asked = a.ask('group:1', { signal: AbortSignal.abort(reason), wait: true });
    assert.equal(await bench.failure(asked), reason);
    await b.take('group:1');
  },

  'a signal that aborts after the grant changes nothing': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const cancelling = new AbortController();
    const { hold } = await a.take('group:1', { signal: cancelling.signal });
    cancelling.abort();
    await bench.advance(20);
    await b.findBusy('group:1');
    assert.equal(await a.renew(hold), 'renewed');
  },

  'a grant that crosses the abort of its waiter is never kept by nobody': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    for (let round = 0; round < 10; round += 1) {
      const { hold } = await a.take('group:1');
      const crossing = await b.queue('group:1');
      const released = a.release(hold);
      if (round % 2 === 0) await Promise.resolve();
      crossing.cancel(new Error('changed my mind'));
      await released;
      const granted = await bench.drive(crossing.answer.catch(() => null));
      if (granted !== null) await b.release(granted.hold);
      await bench.until(async () => !(await c.store.inspect('group:1')).held, 'the name to be free');
    }
  },

  'callers of one process are served in the order of their calls': async (bench) => {
    const locks = bench.manager();
    const holder = await bench.drive(locks.acquire('group:1'));
    const order: number[] = [];
    const calls = [1, 2, 3, 4, 5].map((turn) => locks.using('group:1', () => void order.push(turn)));
    await bench.drive(holder.release());
    await bench.drive(Promise.all(calls));
    assert.deepEqual(order, [1, 2, 3, 4, 5]);
  },

  'all callers of one process have one place in the queue of the store': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    const { hold } = await a.take('group:1');
    const calls = [1, 2, 3, 4].map(() => locks.using('group:1', () => undefined));
    await bench.until(async () => (await a.waiting('group:1')) > 0, 'the queue');
    await bench.advance(20);
    assert.equal(await a.waiting('group:1'), 1);
    await a.release(hold);
    await bench.drive(Promise.all(calls));
  },

  'a process that always has one more caller does not keep the name from others': async (bench) => {
    const [crowd, other] = [bench.manager(), bench.manager()];
    const done = new AbortController();
    const again = async () => {
      while (!done.signal.aborted) await crowd.using('group:1', () => bench.pause(), { waitMs: Infinity });
    };
    const callers = lookedAtLater(Promise.all([1, 2, 3, 4].map(() => again())));
    await bench.until(() => crowd.isLocked('group:1'), 'the crowd to begin');
    await bench.drive(other.using('group:1', () => done.abort()));
    await bench.drive(callers);
  },

  'a caller that gives up in front of others of its process loses no place for them': async (bench) => {
    const [[a, b], locks] = [await bench.fourProcesses(), bench.manager()];
    const { hold } = await a.take('group:1');
    const cancelling = new AbortController();
    const first = locks.acquire('group:1', { signal: cancelling.signal });
    const second = lookedAtLater(locks.acquire('group:1'));
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue');
    const behind = await b.queue('group:1');
    cancelling.abort(new Error('gone'));
    assert.equal((await bench.failure(first))['message'], 'gone');
    await a.release(hold);
    const lease = await bench.drive(second);
    assert.equal((await a.store.inspect('group:1')).fencingToken, lease.fencingToken);
    await lease.release();
    await bench.drive(behind.answer);
  },

  'a wait that runs out is LOCK_BUSY, says when to come again, and frees nothing of the holder': async (
    bench,
  ) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    await locks.ready(); // the wait is for the lock, not for a connection
    const { hold } = await a.take('group:1');
    const error = await bench.failure(locks.acquire('group:1', { waitMs: 100 }));
    assert.equal(error['code'], 'LOCK_BUSY');
    assert.ok(Number(error['retryAfterMs']) > 0, `retryAfterMs ${String(error['retryAfterMs'])}`);
    await bench.until(async () => (await a.waiting('group:1')) === 0, 'the place in the queue to be free');
    await a.findBusy('group:1');
    assert.equal(await a.release(hold), 'released');
    assert.equal((await a.store.inspect('group:1')).held, false);
  },

  'tryAcquire and tryUsing say at once that somebody else has it': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    const { hold } = await a.take('group:1');
    assert.equal(await bench.drive(locks.tryAcquire('group:1')), null);
    assert.deepEqual(await bench.drive(locks.tryUsing('group:1', () => 'ran')), { acquired: false });
    assert.equal(await a.waiting('group:1'), 0);
    await a.release(hold);
    assert.deepEqual(await bench.drive(locks.tryUsing('group:1', () => 'ran')), {
      acquired: true,
      value: 'ran',
    });
  },

  'waitMs 0 asks the store once, instead of running the work unlocked': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    const { hold } = await a.take('group:1');
    const worked = locks.using('group:1', () => assert.fail('ran without the lock'), { waitMs: 0 });
    assert.equal((await bench.failure(worked))['code'], 'LOCK_BUSY');
    await a.release(hold);
    const seen = await bench.drive(locks.using('group:1', () => a.store.inspect('group:1'), { waitMs: 0 }));
    assert.equal(seen.held, true);
  },

  'a waiter is served when the holder’s lease ends, however much patience it has left': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    await a.take('group:1', { leaseMs: bench.leaseMs });
    const lease = await bench.drive(locks.acquire('group:1', { waitMs: 20_000 }));
    assert.equal(lease.state, 'held');
    assert.ok(
      lease.waitedMs < 4 * bench.leaseMs,
      `waited ${lease.waitedMs} ms for a lease of ${bench.leaseMs} ms`,
    );
  },

  'waiting longer than one’s own lease gives a lease with all of its time': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    const { hold } = await a.take('group:1');
    const leaseMs = 2 * bench.leaseMs;
    const asked = locks.acquire('group:1', { leaseMs, renew: false });
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue');
    await bench.advance(leaseMs + 20);
    await a.release(hold);
    const lease = await bench.drive(asked);
    assert.equal(lease.state, 'held');
    assert.ok(lease.remainingMs() > leaseMs / 2, `${lease.remainingMs()} of ${leaseMs} ms are left`);
  },

  'waiting for a lock that is held for long does not keep the store busy': async (bench) => {
    const a = await bench.process();
    const seen = watchStore();
    const locks = bench.manager({}, seen.wrap);
    await a.take('group:1');
    const calls = Array.from({ length: 50 }, () => locks.acquire('group:1', { waitMs: 500 }));
    const outcomes = await bench.drive(Promise.allSettled(calls));
    assert.ok(outcomes.every((outcome) => outcome.status === 'rejected'));
    assert.ok(seen.acquires <= 3, `50 waiters made the store start ${seen.acquires} acquisitions`);
  },
};
