import { describe, expect, it } from '@jest/globals';
import type { LockUsageError } from '../../lib/lock-errors.js';
import { refuseWait } from '../../lib/acquire-options.js';
import {
  type LockManagerOptions,
  type ManagerSettings,
  resolveAcquireOptions,
  resolveManagerOptions,
} from '../../lib/lock-options.js';
import { checkLeaseMs } from '../../lib/option-checks.js';
import { memoryStore } from '../../lib/stores/memory/memory-store.js';

const resolve = (options: object = {}): ManagerSettings =>
  resolveManagerOptions({ store: memoryStore(), ...options });

/** The misuse that is reported. */
function refusal(options: object): { name: string; code: string; message: string } {
  try {
    resolve(options);
  } catch (error) {
    return error as LockUsageError;
  }
  throw new Error('accepted');
}

describe('the options of a manager', () => {
  it('have the documented defaults', () => {
    expect(resolve()).toMatchObject({
      prefix: 'lock',
      keepMs: 10_000,
      drainMs: 10_000,
      defaults: {
        leaseMs: 30_000,
        waitMs: 10_000,
        renew: true,
        signal: undefined,
        label: '',
        mode: 'exclusive',
        cohortMs: 10,
        release: 'confirmed',
        maxWaiters: 1_000,
        maxWaitingProcesses: 10_000,
      },
    });
  });

  it('give the defaults of calls, and cannot be changed afterwards', () => {
    const settings = resolve({
      leaseMs: 5000,
      waitMs: Infinity,
      renew: false,
      label: 'app',
      prefix: 'shop:eu-1',
    });
    expect(settings.defaults).toMatchObject({ leaseMs: 5000, waitMs: Infinity, renew: false, label: 'app' });
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.defaults)).toBe(true);
  });

  it('left undefined count as left out', () => {
    expect(resolve({ leaseMs: undefined, prefix: undefined, keepMs: undefined })).toMatchObject({
      prefix: 'lock',
      keepMs: 10_000,
    });
  });

  it.each([
    [{ leaseMs: 99 }, 'integer from 100 to 2592000000 ms, got 99'],
    [{ leaseMs: '30s' }, 'got "30s"'],
    [{ leaseMs: 2_592_000_001 }, 'got 2592000001'],
  ])('%p is LOCK_LEASE_INVALID', (options, says) => {
    const message: unknown = expect.stringContaining(says);
    expect(refusal(options)).toMatchObject({ name: 'LockUsageError', code: 'LOCK_LEASE_INVALID', message });
  });

  it.each([
    [{ store: undefined }, 'redisStore({ url }) or memoryStore()'],
    [{ store: 'redis' }, 'store must be a store'],
    [{ store: {} }, 'store must be a store'],
    [{ prefix: '' }, 'prefix must be'],
    [{ prefix: 'a b' }, 'prefix must be'],
    [{ prefix: '{a}' }, 'prefix must be'],
    [{ prefix: 'x'.repeat(65) }, 'prefix must be'],
    [{ prefix: 5 }, 'prefix must be'],
    [{ keepMs: 99 }, 'keepMs must be an integer from 100'],
    [{ keepMs: Infinity }, 'keepMs must be an integer'],
    [{ drainMs: -1 }, 'drainMs must be an integer from 0'],
    [{ drainMs: 1.5 }, 'drainMs must be an integer'],
    [{ waitMs: -1 }, 'waitMs must be'],
    [{ waitMs: Number.NaN }, 'waitMs must be'],
    [{ renew: 'no' }, 'renew must be true or false, got "no"'],
    [{ label: 'x'.repeat(129) }, 'label must be a string of at most 128'],
    [{ mode: 'mutex' }, 'mode must be one of exclusive, shared, upgradeable, got "mutex"'],
    [{ signal: new AbortController().signal }, 'option "signal" is not known here'],
    [{ ttl: 5 }, 'option "ttl" is not known here'],
    [{ leaseMS: 5 }, 'option "leaseMS" is not known here'],
    [{ cohortMs: -1 }, 'cohortMs must be an integer from 0 to 1000 ms, got -1'],
    [{ cohortMs: 1001 }, 'cohortMs must be an integer from 0 to 1000 ms, got 1001'],
    [{ cohortMs: 2.5 }, 'cohortMs must be an integer'],
    [{ cohortMs: '10' }, 'cohortMs must be an integer'],
    [{ release: 'later' }, "release must be 'confirmed' or 'sent', got \"later\""],
    [{ release: true }, "release must be 'confirmed' or 'sent', got true"],
    [{ release: null }, "release must be 'confirmed' or 'sent', got null"],
    [{ maxWaiters: 0 }, 'maxWaiters must be an integer from 1 to 1000000, got 0'],
    [{ maxWaiters: 1_000_001 }, 'maxWaiters must be an integer from 1 to 1000000'],
    [{ maxWaiters: Infinity }, 'maxWaiters must be an integer'],
    [{ maxWaitingProcesses: 0 }, 'maxWaitingProcesses must be an integer from 1 to 1000000, got 0'],
    [{ maxWaitingProcesses: null }, 'maxWaitingProcesses must be an integer'],
    [{ maxHoldMs: 0 }, 'maxHoldMs must be an integer from 1 to 2592000000 ms, or Infinity, got 0'],
    [{ maxHoldMs: '5s' }, 'maxHoldMs must be an integer from 1 to 2592000000 ms, or Infinity, got "5s"'],
  ])('%p are LOCK_OPTIONS_INVALID and the message says «%s»', (options, says) => {
    const message: unknown = expect.stringContaining(says);
    expect(refusal(options)).toMatchObject({ name: 'LockUsageError', code: 'LOCK_OPTIONS_INVALID', message });
  });

  it.each([undefined, null, 'redis://x', 5])('given as %p are LOCK_OPTIONS_INVALID', (options) => {
    const check = () => resolveManagerOptions(options as unknown as LockManagerOptions);
    expect(check).toThrow(expect.objectContaining({ code: 'LOCK_OPTIONS_INVALID' }));
  });
});

describe('the options of a call', () => {
  const settings = resolve({ leaseMs: 5000, label: 'app' });
  const call = (options: object | undefined) =>
    resolveAcquireOptions(settings, options, () => 'acquire("group:1")');

  it('win over those of the manager, one by one', () => {
    expect(call({ waitMs: 0 })).toMatchObject({ leaseMs: 5000, waitMs: 0, label: 'app' });
    expect(call({ leaseMs: 100 })).toMatchObject({ leaseMs: 100, waitMs: 10_000 });
    expect(call(undefined)).toBe(settings.defaults);
  });

  it('may set what a cohort and a queue may be, at the limits too', () => {
    expect(call({ cohortMs: 0, maxWaiters: 1, maxWaitingProcesses: 1 })).toMatchObject({
      cohortMs: 0,
      maxWaiters: 1,
      maxWaitingProcesses: 1,
    });
    expect(call({ cohortMs: 1_000, maxWaiters: 1_000_000 })).toMatchObject({
      cohortMs: 1_000,
      maxWaiters: 1_000_000,
    });
    expect(() => call({ maxWaiters: 0 })).toThrow(/^acquire\("group:1"\): maxWaiters must be an integer/);
  });

  it('may bring a signal, of any realm', () => {
    const controller = new AbortController();
    const stop = call({ signal: controller.signal }).signal;
    expect(stop?.aborted).toBe(false);
    controller.abort('why');
    expect([stop?.aborted, stop?.reason]).toEqual([true, 'why']);
  });

  it('that are wrong name the call, the option, the value and the fix', () => {
    expect(() => call({ waitMs: '5s' })).toThrow(
      /^acquire\("group:1"\): waitMs must be a number of ms.*got "5s"$/,
    );
    expect(() => call({ timeout: 5 })).toThrow(
      /acquire\("group:1"\): option "timeout".*Known: leaseMs, waitMs/,
    );
    expect(() => call({ prefix: 'x' })).toThrow('option "prefix" is not known here');
  });

  it('a waitMs for a call that never waits is refused', () => {
    expect(() => refuseWait({ waitMs: 5 }, () => 'tryAcquire("a")')).toThrow(
      /^tryAcquire\("a"\): waitMs must be left out/,
    );
    expect(() => refuseWait({}, () => 'x')).not.toThrow();
    expect(() => refuseWait(undefined, () => 'x')).not.toThrow();
  });

  it('a leaseMs outside its limits is LOCK_LEASE_INVALID, at the limits it is not', () => {
    expect([checkLeaseMs(100, 'x'), checkLeaseMs(2_592_000_000, 'x')]).toEqual([100, 2_592_000_000]);
    for (const leaseMs of [0, -1, 1.5, Number.NaN, Infinity, '5', null, undefined, 100n]) {
      expect(() => checkLeaseMs(leaseMs, 'x')).toThrow(
        expect.objectContaining({ code: 'LOCK_LEASE_INVALID' }),
      );
    }
  });
});
