import assert from 'node:assert/strict';
import { LockStoreError } from '../../lock-errors.js';
import type { LockStore } from '../../stores/lock-store.js';
import { type ContractCases, watchStore, wrapStore } from './contract-bench.js';

/** Acquires and releases work, renewals get no answer. */
const withoutRenewals = (store: LockStore) =>
  wrapStore(store, {
    renew: async (requests) => {
      return requests.map(() => ({
        outcome: 'unknown',
        error: new LockStoreError('LOCK_STORE_UNAVAILABLE', 'no answer'),
      }));
    },
  });

export const lossCases: ContractCases = {
  'renewals without an answer: uncertain first, lost no later than the lease would have ended': async (
    bench,
  ) => {
    const locks = bench.manager({ leaseMs: bench.leaseMs }, withoutRenewals);
    const sentAtMs = bench.clock.monotonicMs();
    const states: string[] = [];
    locks.on('uncertain', () => states.push('uncertain'));
    locks.on('lost', ({ cause }) => states.push(cause));
    const lease = await bench.drive(locks.acquire('group:1'));
    let abortedAtMs = Infinity;
    lease.signal.addEventListener('abort', () => (abortedAtMs = bench.clock.monotonicMs()));
    await bench.until(async () => lease.signal.aborted, 'the signal to abort');
    assert.ok(
      abortedAtMs <= sentAtMs + bench.leaseMs + bench.latenessMs,
      `told ${abortedAtMs - sentAtMs} ms after the request`,
    );
    assert.deepEqual(states, ['uncertain', 'expired']);
    assert.equal((lease.signal.reason as { code: string }).code, 'LOCK_LOST');
    assert.throws(() => lease.assertHeld(), { code: 'LOCK_LOST' });
  },

  'a renewal that fails once costs nothing: the next one keeps the lease': async (bench) => {
    let failures = 1;
    const locks = bench.manager({ leaseMs: 3 * bench.leaseMs }, (store) =>
      wrapStore(store, {
        renew: (requests) =>
          failures-- > 0 ? Promise.reject(new Error('connection reset')) : store.renew(requests),
      }),
    );
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.advance(4 * bench.leaseMs);
    assert.equal(lease.state, 'held');
    assert.ok(failures < 0, 'no renewal was sent');
  },

  'a result obtained after the loss is not returned as if all was well': async (bench) => {
    const locks = bench.manager({ leaseMs: bench.leaseMs }, withoutRenewals);
    const error = await bench.failure(
      locks.using('group:1', async () => {
        await bench.advance(bench.leaseMs + 20);
        return 'written';
      }),
    );
    assert.deepEqual([error['code'], error['result']], ['LOCK_LOST', 'written']);
  },

  'an error of the work is what the caller sees, lost or not': async (bench) => {
    const locks = bench.manager({ leaseMs: bench.leaseMs }, withoutRenewals);
    const business = new Error('the group is full');
    const fail = async (ms: number) => {
      await bench.advance(ms);
      throw business;
    };
    assert.equal(await bench.failure(locks.using('group:1', () => fail(0))), business);
    assert.equal(await bench.failure(locks.using('group:1', () => fail(bench.leaseMs + 20))), business);
  },

  'a grant whose answer comes after its lease has ended is not handed out as held': async (bench) => {
    let late = true;
    const locks = bench.manager({ leaseMs: bench.leaseMs, renew: false }, (store) =>
      wrapStore(store, {
        acquire: async (request, signal) => {
          const answer = await store.acquire(request, signal);
          if (late) await bench.advance(bench.leaseMs + 50);
          late = false;
          return answer;
        },
      }),
    );
    const lease = await bench.drive(locks.acquire('group:1'));
    assert.equal(lease.state, 'held');
    assert.ok(lease.remainingMs() > 0);
    late = true;
    await bench.drive(lease.release());
    const tried = await bench.drive(locks.tryAcquire('group:1').catch(() => null));
    assert.ok(
      tried === null || tried.state === 'held',
      `tryAcquire gave a lease that is ${tried?.state ?? ''}`,
    );
  },

  'a lease is renewed a few times per leaseMs, not in a loop, however short it is': async (bench) => {
    const seen = watchStore();
    const locks = bench.manager({ leaseMs: 100 }, seen.wrap);
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.advance(500);
    await bench.drive(lease.release().catch(() => undefined));
    assert.ok(seen.renewals <= 25, `${seen.renewals} renewals in five leases`);
  },

  'nothing is renewed after a release, even one that met a renewal on its way': async (bench) => {
    const seen = watchStore();
    const locks = bench.manager({ leaseMs: bench.leaseMs }, (store) => {
      const watched = seen.wrap(store);
      return wrapStore(watched, {
        renew: async (requests) => {
          const outcomes = await watched.renew(requests);
          await bench.pause();
          return outcomes;
        },
      });
    });
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.until(async () => seen.renewals > 0, 'a renewal');
    await bench.drive(lease.release());
    const renewals = seen.renewals;
    await bench.advance(2 * bench.leaseMs);
    assert.equal(seen.renewals, renewals);
    assert.deepEqual(locks.held(), []);
    assert.equal(await bench.drive(locks.isLocked('group:1')), false);
  },

  'the late release of a lease that was lost says «lost» and frees nothing of the next holder': async (
    bench,
  ) => {
    const [locks, other] = [
      bench.manager({ leaseMs: bench.leaseMs }, withoutRenewals),
      await bench.process(),
    ];
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.advance(bench.leaseMs + 20);
    const { hold } = await other.take('group:1');
    assert.equal(await bench.drive(lease.release()), 'lost');
    assert.equal(await other.renew(hold), 'renewed');
  },

  'extend lengthens a lease that is not renewed; an extension that comes too late is LOCK_LOST': async (
    bench,
  ) => {
    const [locks, other] = [bench.manager({ leaseMs: bench.leaseMs, renew: false }), await bench.process()];
    const lease = await bench.drive(locks.acquire('group:1'));
    await bench.drive(lease.extend(3 * bench.leaseMs));
    await bench.advance(2 * bench.leaseMs);
    assert.equal(lease.state, 'held');
    await other.findBusy('group:1');
    await bench.advance(2 * bench.leaseMs);
    assert.equal((await bench.failure(lease.extend()))['code'], 'LOCK_LOST');
    await other.take('group:1');
  },

  'a holder that hangs loses the name after maxHoldMs, and another process has it at once, however long the lease is':
    async (bench) => {
      const [locks, other] = [bench.manager({ maxHoldMs: bench.leaseMs }), bench.manager()];
      const lease = await bench.drive(locks.acquire('group:1', { leaseMs: 60_000 }));
      const next = await bench.drive(other.acquire('group:1'));
      assert.equal(lease.state, 'lost');
      assert.equal((lease.signal.reason as { cause: string }).cause, 'held-too-long');
      assert.ok(next.fencingToken > lease.fencingToken);
      assert.equal(await bench.drive(lease.release()), 'lost');
      assert.equal(await bench.drive(other.isLocked('group:1')), true);
      await bench.drive(next.release());
    },
};
