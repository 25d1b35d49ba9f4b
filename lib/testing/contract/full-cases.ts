import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { LONG_LEASE_MS, lookedAtLater } from './port-process.js';

export const fullCases: ContractCases = {
  'three may wait: the fourth is refused at once, is told when to come again, and disturbs nobody': async (
    bench,
  ) => {
    const maxWaitingProcesses = 3;
    const [a, b, c, d] = await bench.fourProcesses();
    const late = await bench.process();
    const { hold } = await a.take('group:1');
    const order: string[] = [];
    const waiting = [];
    for (const [letter, process] of Object.entries({ b, c, d })) {
      const { answer } = await process.queue('group:1', { maxWaitingProcesses });
      const inTurn = async () => {
        const grant = await answer;
        order.push(letter);
        await process.release(grant.hold);
      };
      waiting.push(inTurn());
    }
    const { retryAfterMs } = await late.findFull('group:1', { maxWaitingProcesses });
    assert.ok(
      retryAfterMs > 0 && retryAfterMs <= LONG_LEASE_MS,
      `retryAfterMs ${retryAfterMs} is not within the lease`,
    );
    assert.equal(await late.waiting('group:1'), 3);
    assert.equal(await a.renew(hold), 'renewed');
    await a.release(hold);
    await bench.drive(Promise.all(waiting));
    assert.deepEqual(order, ['b', 'c', 'd']);
    await late.take('group:1', { maxWaitingProcesses });
  },

  'a place that a waiter left can be taken, and so can one whose waiter was granted': async (bench) => {
    const maxWaitingProcesses = 1;
    const [a, b, c, d] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const leaving = await b.queue('group:1', { maxWaitingProcesses });
    await c.findFull('group:1', { maxWaitingProcesses });
    leaving.cancel(new Error('gone'));
    await bench.failure(leaving.answer);
    await bench.until(async () => (await a.waiting('group:1')) === 0, 'the place in the queue to be free');
    const next = await c.queue('group:1', { maxWaitingProcesses });
    await d.findFull('group:1', { maxWaitingProcesses });
    await a.release(hold);
    const last = await d.queue('group:1', { maxWaitingProcesses });
    await c.release((await bench.drive(next.answer)).hold);
    await bench.drive(last.answer);
  },

  'a waiter keeps its place in a full queue while it asks again and the holder renews': async (bench) => {
    const maxWaitingProcesses = 1;
    const [a, b, c] = await bench.fourProcesses();
    const leaseMs = 2 * bench.leaseMs;
    const { hold } = await a.take('group:1', { leaseMs });
    const { answer } = await b.queue('group:1', { maxWaitingProcesses });
    for (let time = 0; time < 3; time += 1) {
      await bench.advance(bench.leaseMs);
      assert.equal(await a.renew(hold, leaseMs), 'renewed');
      await c.findFull('group:1', { maxWaitingProcesses });
    }
    await a.release(hold);
    await bench.drive(answer);
  },

  'who does not wait is told «busy», however full the queue is': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    await a.take('group:1', { maxWaitingProcesses: 0 });
    assert.equal((await b.ask('group:1', { maxWaitingProcesses: 0 })).outcome, 'busy');
    await b.findFull('group:1', { maxWaitingProcesses: 0 });
  },

  'a name that is free is granted, also where nobody may wait': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { wait: true, maxWaitingProcesses: 0 });
    await a.release(hold);
    await b.take('group:1', { wait: true, maxWaitingProcesses: 0 });
  },

  'the holder itself is not refused when it repeats its request': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const ownerToken = a.newToken();
    const { hold } = await a.take('group:1', { ownerToken });
    await b.queue('group:1');
    const again = await a.take('group:1', { ownerToken, wait: true, maxWaitingProcesses: 1 });
    assert.equal(again.hold.fencingToken, hold.fencingToken);
  },

  'each name has a queue of its own: one that is full refuses nobody elsewhere': async (bench) => {
    const maxWaitingProcesses = 1;
    const [a, b, c] = await bench.fourProcesses();
    const holds = [(await a.take('group:1')).hold, (await a.take('group:2')).hold];
    await b.queue('group:1', { maxWaitingProcesses });
    await c.findFull('group:1', { maxWaitingProcesses });
    const elsewhere = await c.queue('group:2', { maxWaitingProcesses });
    await a.release(holds[1]!);
    await bench.drive(elsewhere.answer);
  },

  'through a manager: LOCK_QUEUE_FULL at once, whether its own callers are too many or the processes': async (
    bench,
  ) => {
    const [a, b] = await bench.fourProcesses();
    const locks = bench.manager({ maxWaiters: 2, maxWaitingProcesses: 1 });
    const { hold } = await a.take('group:1');
    const served = lookedAtLater(Promise.all([1, 2].map(() => locks.using('group:1', () => 'served'))));
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue');
    await b.take('group:2');
    await b.queue('group:2');
    for (const name of ['group:1', 'group:2']) {
      const beganMs = bench.clock.monotonicMs();
      const { code, retryAfterMs } = await bench.failure(locks.acquire(name, { waitMs: 60_000 }));
      assert.equal(code, 'LOCK_QUEUE_FULL', name);
      assert.ok(
        Number(retryAfterMs) > 0 && Number(retryAfterMs) <= LONG_LEASE_MS,
        `${name}: ${String(retryAfterMs)}`,
      );
      assert.ok(bench.clock.monotonicMs() - beganMs < 5_000, `${name}: waited before it was told`);
    }
    await a.release(hold);
    assert.deepEqual(await bench.drive(served), ['served', 'served']);
    assert.equal(await bench.drive(locks.using('group:1', () => 'afterwards')), 'afterwards');
  },
};
