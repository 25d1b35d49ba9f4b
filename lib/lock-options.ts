import { stopOf } from './caller-signal.js';
import { type Clock, systemClock } from './runtime/clock.js';
import { describeKind, LockUsageError } from './lock-errors.js';
import { badLease, checkInteger, checkKeys, invalid, isLeaseMs, MAX_LEASE_MS } from './option-checks.js';
import { type Randomness, systemRandomness } from './runtime/owner-token.js';
import type { Stop } from './runtime/stop-signal.js';
import type { LockMode, LockStore, StopSignal } from './stores/lock-store.js';

/** Options of one call; what is left out comes from the manager's options. */
export interface AcquireOptions {
  /**
   * How long the store keeps the lock for us without a sign of life, in ms; 100 to 86 400 000; default 30 000. A crashed holder
   * blocks others for this long at most; a frozen one loses the lock after it. With `renew` it may be much shorter than the work.
   */
  leaseMs?: number;
  /**
   * How long the caller is willing to wait, in ms from the call; 0 asks once; `Infinity` waits for ever; default 10 000.
   * Not for `tryAcquire` and `tryUsing`, which never wait.
   */
  waitMs?: number;
  /** Keep renewing while the lease is held; default true. false: the lease ends after `leaseMs` unless `extend` is called. */
  renew?: boolean;
  /** Ends the wait, with `signal.reason`. Once the lock is held it has no effect: use `lease.signal` in the work. */
  signal?: AbortSignal | StopSignal;
  /** Free text shown by `inspect` and events, for people: "GroupsController.join". At most 128 characters. Default ''. */
  label?: string;
  /** Only 'exclusive' (the default) is built yet. */
  mode?: LockMode;
  /**
   * How long the lock may go from caller to caller inside this process, without a command, before the store is asked whether another
   * process waits, in ms; 0 to 1 000; default 10. While nobody else waits the time doubles, up to 80 ms. 0: every caller takes its
   * turn in the store, so that callers of all processes are served in the order in which they came.
   */
  cohortMs?: number;
  /**
   * When `using`, `tryUsing` and `lease.using` return: 'confirmed' (default) when the store has confirmed the release; 'sent' when the
   * release is on its way, which saves a round trip. A loss that only the answer would tell is then an event (`lost`, `releaseFailed`),
   * others may find the lock taken a moment longer, and a process that ends or freezes just then blocks them for one lease. What cannot
   * be sent at once (not connected, a lease in doubt, closing) is confirmed. `lease.release()` and `await using` always confirm.
   */
  release?: 'confirmed' | 'sent';
  /** How many callers of this process may wait for one name; one more is refused with LOCK_QUEUE_FULL; 1 to 1 000 000; default 1 000. */
  maxWaiters?: number;
  /** How many processes may be queued for one name in the store; as above; 1 to 1 000 000; default 10 000. */
  maxWaitingProcesses?: number;
}

export interface LockManagerOptions extends Omit<AcquireOptions, 'signal'> {
  /** Where the locks are kept: `redisStore(…)`, `memoryStore()`. A store serves one manager. */
  store: LockStore;
  /** First part of every key, so that applications can share a server; default 'lock'. Letters, digits and `. _ ~ : -`. */
  prefix?: string;
  /**
   * How long the trace of a clean release stays in the store, in ms; default 10 000. Within it a repeated release is known as
   * such, and fencing tokens rise even if the store's clock is set back.
   */
  keepMs?: number;
  /** How long `close()` lets holders finish before their leases are ended, in ms; default 10 000. */
  drainMs?: number;
  /** For tests and simulations. Default: the system's. */
  clock?: Clock;
  /** For tests and simulations. Default: cryptographic randomness. */
  randomness?: Randomness;
}

/** Everything checked, nothing optional: inside the engine there is no `??`. */
export interface AcquireSettings {
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly renew: boolean;
  /** Stands for the caller's signal, see caller-signal.ts. */
  readonly signal: Stop | undefined;
  readonly label: string;
  readonly mode: LockMode;
  readonly cohortMs: number;
  readonly release: 'confirmed' | 'sent';
  readonly maxWaiters: number;
  readonly maxWaitingProcesses: number;
}

export interface ManagerSettings {
  readonly store: LockStore;
  readonly prefix: string;
  readonly keepMs: number;
  readonly drainMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly defaults: AcquireSettings;
}

export const DEFAULTS = {
  leaseMs: 30_000,
  waitMs: 10_000,
  renew: true,
  prefix: 'lock',
  keepMs: 10_000,
  drainMs: 10_000,
  cohortMs: 10,
  release: 'confirmed',
  maxWaiters: 1_000,
  maxWaitingProcesses: 10_000,
} as const;

const BUILT_IN: AcquireSettings = { ...DEFAULTS, signal: undefined, label: '', mode: 'exclusive' };

const MAX_LABEL_LENGTH = 128;
const PREFIX_PATTERN = /^[A-Za-z0-9._~:-]{1,64}$/;

const CALL_OPTIONS = [
  'leaseMs',
  'waitMs',
  'renew',
  'signal',
  'label',
  'mode',
  'cohortMs',
  'release',
  'maxWaiters',
  'maxWaitingProcesses',
];
/** A local hand-off writes no token to the store; at most a second of them may be unwritten, see force.lua. */
const MAX_COHORT_MS = 1_000;
const MAX_WAITERS = 1_000_000;
const MANAGER_OPTIONS = [
  ...CALL_OPTIONS.filter((option) => option !== 'signal'),
  'store',
  'prefix',
  'keepMs',
  'drainMs',
  'clock',
  'randomness',
];

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID */
export function resolveManagerOptions(options: LockManagerOptions): ManagerSettings {
  const place = 'new LockManager(options)';
  checkKeys(options, MANAGER_OPTIONS, () => place);
  const { store, prefix = DEFAULTS.prefix, keepMs = DEFAULTS.keepMs, drainMs = DEFAULTS.drainMs } = options;
  if (typeof store?.acquire !== 'function' || typeof store.attach !== 'function') {
    const problem = `store must be a store such as redisStore({ url }) or memoryStore(), got ${describeKind(store)}`;
    throw new LockUsageError('LOCK_OPTIONS_INVALID', `${place}: ${problem}`);
  }
  if (typeof prefix !== 'string' || !PREFIX_PATTERN.test(prefix)) {
    throw invalid(place, ['prefix', prefix], '1 to 64 letters, digits and . _ ~ : -');
  }
  checkInteger(() => place, ['keepMs', keepMs], { min: 100, max: MAX_LEASE_MS, unit: ' ms' });
  checkInteger(() => place, ['drainMs', drainMs], { min: 0, max: MAX_LEASE_MS, unit: ' ms' });
  const { clock = systemClock, randomness = systemRandomness } = options;
  const defaults = Object.freeze(checkCall(options, BUILT_IN, () => place));
  checkMode(defaults.mode, store, place);
  return Object.freeze({ store, prefix, keepMs, drainMs, clock, randomness, defaults });
}

/**
 * @param place what the message names: "acquire("group:42")"; made only for a message, because this is asked for every call
 * @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID
 */
export function resolveAcquireOptions(
  settings: ManagerSettings,
  options: AcquireOptions | undefined,
  place: () => string,
): AcquireSettings {
  if (options === undefined) return settings.defaults;
  checkKeys(options, CALL_OPTIONS, place);
  const resolved = checkCall(options, settings.defaults, place);
  if (resolved.mode !== settings.defaults.mode) checkMode(resolved.mode, settings.store, place());
  return resolved;
}

/**
 * Checks options long before the call that uses them: a decorator's, when its class is defined.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID
 */
export function checkAcquireOptions(options: AcquireOptions, place: string): void {
  checkKeys(options, CALL_OPTIONS, () => place);
  checkCall(options, BUILT_IN, () => place);
}

/** `tryAcquire` never waits, so a `waitMs` there is a misunderstanding worth telling. */
export function refuseWait(options: AcquireOptions | undefined, place: () => string): void {
  if (options?.waitMs !== undefined) {
    throw invalid(
      place(),
      ['waitMs', options.waitMs],
      'left out: this call never waits; use acquire or using to wait',
    );
  }
}

function checkCall(options: AcquireOptions, defaults: AcquireSettings, place: () => string): AcquireSettings {
  const {
    leaseMs = defaults.leaseMs,
    waitMs = defaults.waitMs,
    renew = defaults.renew,
    signal,
    label = defaults.label,
    mode = defaults.mode,
    cohortMs = defaults.cohortMs,
    release = defaults.release,
    maxWaiters = defaults.maxWaiters,
    maxWaitingProcesses = defaults.maxWaitingProcesses,
  } = options;
  if (!isLeaseMs(leaseMs)) throw badLease(leaseMs, place());
  if (typeof waitMs !== 'number' || Number.isNaN(waitMs) || waitMs < 0) {
    throw invalid(place(), ['waitMs', waitMs], 'a number of ms from 0, or Infinity');
  }
  if (typeof renew !== 'boolean') throw invalid(place(), ['renew', renew], 'true or false');
  const stop = signal === undefined ? undefined : stopOf(signal, place);
  if (typeof label !== 'string' || label.length > MAX_LABEL_LENGTH) {
    throw invalid(place(), ['label', label], `a string of at most ${MAX_LABEL_LENGTH} characters`);
  }
  // What was read above is checked, not what reading once more would give.
  if (cohortMs !== defaults.cohortMs)
    checkInteger(place, ['cohortMs', cohortMs], { min: 0, max: MAX_COHORT_MS, unit: ' ms' });
  if (release !== 'confirmed' && release !== 'sent')
    throw invalid(place(), ['release', release], "'confirmed' or 'sent'");
  if (maxWaiters !== defaults.maxWaiters)
    checkInteger(place, ['maxWaiters', maxWaiters], { min: 1, max: MAX_WAITERS });
  if (maxWaitingProcesses !== defaults.maxWaitingProcesses)
    checkInteger(place, ['maxWaitingProcesses', maxWaitingProcesses], { min: 1, max: MAX_WAITERS });
  return {
    leaseMs,
    waitMs,
    renew,
    signal: stop,
    label,
    mode,
    cohortMs,
    release,
    maxWaiters,
    maxWaitingProcesses,
  };
}

function checkMode(mode: LockMode, store: LockStore, place: string): void {
  if (store.capabilities.modes.includes(mode)) return;
  throw invalid(
    place,
    ['mode', mode],
    `one of ${store.capabilities.modes.join(', ')} (others are not built yet)`,
  );
}
