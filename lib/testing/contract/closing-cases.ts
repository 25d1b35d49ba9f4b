import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';

export const closingCases: ContractCases = {
  'a store serves one manager: the second attach is a usage error': async (bench) => {
    const a = await bench.process();
    assert.throws(() => a.store.attach(a.context()), {
      name: 'LockUsageError',
      code: 'LOCK_OPTIONS_INVALID',
    });
  },

  'a store that was closed serves the next manager: it grants, waits, tells, and its tokens go on to rise':
    async (bench) => {
      const [first, other] = await bench.fourProcesses();
      const { hold } = await first.take('group:1');
      await first.release(hold);
      await first.store.close();
      const next = await bench.process({ store: first.store });
      const granted = await next.take('group:1');
      assert.ok(granted.hold.fencingToken > hold.fencingToken);
      const held = await other.take('group:2');
      const queued = await next.queue('group:2');
      await other.release(held.hold);
      await bench.drive(queued.answer);
      await bench.drive(other.store.forceRelease('group:1', 'tested'));
      await bench.until(async () => next.losses.length > 0, 'the loss to be told');
      assert.equal(next.losses[0]?.ownerToken, granted.hold.ownerToken);
      assert.deepEqual(first.losses, []);
    },

  'a process that stops being granted to is skipped, and the next waiter is served': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const leaving = await b.queue('group:1');
    const staying = await c.queue('group:1');
    let granted = false;
    leaving.answer.then(
      () => (granted = true),
      () => undefined,
    );
    await b.store.stopGranting();
    await a.release(hold);
    await bench.drive(staying.answer);
    assert.equal(granted, false);
    leaving.cancel(new Error('closing'));
    assert.equal((await bench.failure(leaving.answer))['message'], 'closing');
  },

  'closing a store twice, or before it was used, hurts nobody': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    await a.store.close();
    await a.store.close();
    await b.take('group:1');
  },

  'close: waiters reject with LOCK_CLOSED at once, and later calls too': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    await a.take('group:1');
    const waiters = [1, 2, 3].map(() => locks.acquire('group:1', { waitMs: Infinity }));
    const failures = Promise.allSettled(waiters);
    await bench.until(async () => (await a.waiting('group:1')) === 1, 'the place in the queue');
    await bench.drive(locks.close());
    for (const outcome of await bench.drive(failures)) {
      assert.equal(outcome.status === 'rejected' && (outcome.reason as { code: string }).code, 'LOCK_CLOSED');
    }
    assert.equal((await bench.failure(locks.acquire('group:2')))['code'], 'LOCK_CLOSED');
    assert.equal((await bench.failure(locks.tryAcquire('group:2')))['code'], 'LOCK_CLOSED');
    assert.equal((await bench.failure(locks.inspect('group:2')))['code'], 'LOCK_CLOSED');
    assert.equal(await a.waiting('group:1'), 0);
  },

  'close: holders may finish within drainMs, and nothing is lost': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager({ drainMs: 5000 })];
    const worked = locks.using('group:1', async () => {
      await bench.advance(100);
      return 'finished';
    });
    await bench.until(async () => locks.held().length === 1, 'the work to begin');
    const closing = locks.close();
    assert.equal(await bench.drive(worked), 'finished');
    await bench.drive(closing);
    await a.take('group:1');
  },

  'close: a holder that is still there after drainMs loses its lease before anybody else gets the name':
    async (bench) => {
      const [a, locks] = [await bench.process(), bench.manager({ drainMs: 50 })];
      const lease = await bench.drive(locks.acquire('group:1'));
      const { signal } = lease;
      const next = await a.queue('group:1');
      let stateAtGrant = '';
      const granted = next.answer.then(() => (stateAtGrant = lease.state));
      await bench.drive(locks.close());
      await bench.drive(granted);
      assert.equal(stateAtGrant, 'lost');
      assert.equal((signal.reason as { cause: string }).cause, 'shutdown');
      assert.equal(await bench.drive(lease.release()), 'lost');
    },

  'close: may be called twice, and leaves no name held': async (bench) => {
    const [a, locks] = [await bench.process(), bench.manager()];
    for (const name of ['group:1', 'group:2', 'group:3']) await bench.drive(locks.acquire(name));
    await bench.drive(Promise.all([locks.close(), locks.close()]));
    for (const name of ['group:1', 'group:2', 'group:3']) await a.take(name);
  },
};
