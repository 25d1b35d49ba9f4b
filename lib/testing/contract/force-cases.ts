import assert from 'node:assert/strict';
import type { ContractCases } from './contract-bench.js';
import { LONG_LEASE_MS } from './port-process.js';

export const forceCases: ContractCases = {
  'forceRelease ends the hold, tells its process why, and says whose it was': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { label: 'GroupsController.join' });
    const forced = await b.store.forceRelease('group:1', 'stuck for an hour');
    assert.deepEqual(forced, { fencingToken: hold.fencingToken, label: 'GroupsController.join' });
    await bench.until(async () => a.losses.length > 0, 'the holder to be told');
    assert.deepEqual(a.losses, [{ ownerToken: hold.ownerToken, cause: 'forced', note: 'stuck for an hour' }]);
    assert.deepEqual(b.losses, []);
  },

  'after it the old holder can neither renew nor release': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    await b.store.forceRelease('group:1', 'stuck');
    assert.equal(await a.renew(hold), 'lost');
    assert.equal(await a.release(hold), 'refused');
    await b.take('group:1');
    assert.equal(await a.release(hold), 'refused');
    await a.findBusy('group:1');
  },

  'it passes the name to the next waiter': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1');
    const { answer } = await b.queue('group:1');
    await c.store.forceRelease('group:1', 'stuck');
    const next = await bench.drive(answer);
    assert.ok(next.hold.fencingToken > hold.fencingToken);
    assert.equal(await b.renew(next.hold), 'renewed');
  },

  'a name that nobody holds: null, and nothing is created': async (bench) => {
    const a = await bench.process();
    assert.equal(await a.store.forceRelease('group:1', 'stuck'), null);
    assert.equal((await a.store.inspect('group:1')).held, false);
  },

  'inspect tells of a free name that nobody has it and nobody waits': async (bench) => {
    const a = await bench.process();
    const free = {
      held: false,
      heldSinceMs: null,
      remainingMs: null,
      fencingToken: null,
      label: null,
      waiting: 0,
    };
    const told = async () => {
      const { mode = null, holders = [], limit = null, ...rest } = await a.store.inspect('group:1');
      assert.deepEqual({ mode, holders, limit }, { mode: null, holders: [], limit: null });
      return rest;
    };
    assert.deepEqual(await told(), free);
    const { hold } = await a.take('group:1');
    await a.release(hold);
    assert.deepEqual(await told(), free);
  },

  'inspect tells who holds a name, since when, for how long still, and how many wait': async (bench) => {
    const [a, b, c] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { label: 'GroupsController.join' });
    await b.queue('group:1');
    const seen = await c.store.inspect('group:1');
    assert.equal(seen.held, true);
    assert.equal(seen.fencingToken, hold.fencingToken);
    assert.equal(seen.label, 'GroupsController.join');
    assert.equal(seen.waiting, 1);
    assert.ok(seen.remainingMs !== null && seen.remainingMs > 0 && seen.remainingMs <= LONG_LEASE_MS);
    assert.ok(seen.heldSinceMs !== null && Math.abs(bench.clock.wallMs() - seen.heldSinceMs) < 10_000);
  },

  'inspect shows no owner token': async (bench) => {
    const [a, b] = await bench.fourProcesses();
    const { hold } = await a.take('group:1', { label: 'x' });
    assert.ok(!JSON.stringify(await b.store.inspect('group:1')).includes(hold.ownerToken));
  },

  'a label of any characters comes back as it was': async (bench) => {
    const a = await bench.process();
    for (const [index, label] of [
      '',
      'a|b',
      'ü🔒',
      ' {"x":1} ',
      'line\nbreak',
      '\\0',
      '%7C',
      'x'.repeat(128),
    ].entries()) {
      await a.take(`group:${index}`, { label });
      assert.equal((await a.store.inspect(`group:${index}`)).label, label);
    }
  },

  'through a manager: the holder’s signal aborts at once, and the audit event tells who was ended': async (
    bench,
  ) => {
    const [holder, operator] = [bench.manager(), bench.manager()];
    const audit: unknown[] = [];
    operator.on('forceReleased', (event) => audit.push(event));
    const lease = await bench.drive(holder.acquire('group:1', { label: 'join' }));
    const { signal, fencingToken } = lease;
    assert.equal(await bench.drive(operator.isLocked('group:1')), true);
    assert.deepEqual(await bench.drive(operator.forceRelease('group:1', 'stuck')), {
      fencingToken,
      label: 'join',
    });
    await bench.until(async () => signal.aborted, 'the signal to abort');
    const { code, cause } = signal.reason as { code: string; cause: string };
    assert.deepEqual(
      { code, cause, state: lease.state },
      { code: 'LOCK_LOST', cause: 'forced', state: 'lost' },
    );
    assert.deepEqual(audit, [{ name: 'group:1', reason: 'stuck', fencingToken }]);
    assert.equal(await bench.drive(operator.isLocked('group:1')), false);
  },
};
