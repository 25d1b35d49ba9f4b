// over budget: the options of a call, each with its documentation.
import { stopOf } from './caller-signal.js';
import { checkKind } from './lock-kind.js';
import { checkInteger, checkKeys, invalid } from './option-checks.js';
import type { Stop } from './runtime/stop-signal.js';
import type { AccessMode, LockMode, StopSignal } from './stores/lock-store.js';
import { checkTimes } from './time-checks.js';

/** Options of one call; what is left out comes from the manager's options. */
export interface AcquireOptions {
  /**
   * How long the store keeps the lock for us without a sign of life, in ms; 100 to 2 592 000 000 (30 days); default 30 000. A crashed holder
   * blocks others for this long at most; a frozen one loses the lock after it. With `renew` it may be much shorter than the work, and is at
   * most 86 400 000 (1 day).
   */
  leaseMs?: number;
  /**
   * How long the caller is willing to wait, in ms from the call; 0 asks once; `Infinity` waits for ever; default 10 000.
   * Not for `tryAcquire` and `tryUsing`, which never wait.
   */
  waitMs?: number;
  /** Keep renewing while the lease is held; default true. false: the lease ends after `leaseMs` unless `extend` is called. */
  renew?: boolean;
  /**
   * How long the lock may be held, in ms from the grant; 1 to 2 592 000 000 (30 days); default `Infinity`. Then the lease is lost (cause
   * `held-too-long`), its signal aborts, and the next one has the lock at once, although the work goes on: it is to watch the signal. Entering
   * again does not begin anew, nor is it bounded by a `maxHoldMs` of its own. Of several names it counts from when all of them are held.
   */
  maxHoldMs?: number;
  /**
   * How long the name stays taken at least, in ms from the store's grant; 0 (default) to `leaseMs`. A release before that, also by `close()`,
   * leaves the rest of it in the store: nobody has the lock then, nobody renews it, and the next one gets it when the time is over. Who crashes
   * blocks others for `leaseMs` anyway. LOCK_STORE_UNSUPPORTED where the store cannot.
   */
  minHoldMs?: number;
  /** Ends the wait, with `signal.reason`. Once the lock is held it has no effect: use `lease.signal` in the work. */
  signal?: AbortSignal | StopSignal;
  /** Free text shown by `inspect` and events, for people: "GroupsController.join". At most 128 characters. Default ''. */
  label?: string;
  /**
   * What the name was made from, for the event `refused` and for metrics, which must not have a series for each name: 'group:<groupId>'.
   * At most 256 characters; default: none. `@Locked` gives its template.
   */
  template?: string;
  /** The caller leaves its work out when the lock is busy: the event `refused` says 'skipped' instead of 'busy'. Default false. */
  skipsWhenBusy?: boolean;
  /**
   * Whom the lock lets in beside its holder. 'exclusive' (default): nobody. 'shared': others who ask for 'shared', and one 'upgradeable'.
   * 'upgradeable': others who ask for 'shared'; `lease.upgrade()` makes it exclusive. LOCK_STORE_UNSUPPORTED where the store cannot.
   */
  mode?: LockMode;
  /**
   * At most so many at once, over all processes, each with its own lease; 1 to 1 000 000 000. Not together with `mode`. All callers of a
   * name should give the same; see `locks.setLimit`. LOCK_STORE_UNSUPPORTED where the store cannot.
   */
  limit?: number;
  /** How much of the limit this call takes; 1 to `limit`; default 1. */
  weight?: number;
  /**
   * Does a lock on `group:42` exclude those on `group:42/message:7`, and all that is below it? Default false. With true every part of a name
   * that ends before a `/` is held too, in a mode that keeps away only who wants all of it; at most 16 levels. All callers of a root must
   * say the same: who does not say true sees only the very name. LOCK_STORE_UNSUPPORTED where the store cannot.
   */
  layers?: boolean;
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
  /**
   * May this call enter again a lock that its own call chain holds (`using`, `@Locked`, `lease.using`)? Default true: it costs no
   * command, and parts of the chain that run beside each other still exclude each other. false: LOCK_REENTRANT at once.
   */
  reentrant?: boolean;
  /** How many callers of this process may wait for one name; one more is refused with LOCK_QUEUE_FULL; 1 to 1 000 000; default 1 000. */
  maxWaiters?: number;
  /** How many processes may be queued for one name in the store; as above; 1 to 1 000 000; default 10 000. */
  maxWaitingProcesses?: number;
}

/** Everything checked, nothing optional: inside the engine there is no `??`. */
export interface AcquireSettings {
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly renew: boolean;
  /** Infinity: as long as it is renewed. */
  readonly maxHoldMs: number;
  readonly minHoldMs: number;
  /** Stands for the caller's signal, see caller-signal.ts. */
  readonly signal: Stop | undefined;
  readonly label: string;
  readonly template: string | undefined;
  readonly skipsWhenBusy: boolean;
  /** Of a part that nobody asked for by its name, one of the intention modes. */
  readonly mode: AccessMode;
  readonly limit: number | undefined;
  readonly weight: number;
  readonly layers: boolean;
  readonly cohortMs: number;
  readonly release: 'confirmed' | 'sent';
  readonly reentrant: boolean;
  readonly maxWaiters: number;
  readonly maxWaitingProcesses: number;
}

export const CALL_DEFAULTS = {
  leaseMs: 30_000,
  waitMs: 10_000,
  renew: true,
  maxHoldMs: Infinity,
  minHoldMs: 0,
  cohortMs: 10,
  release: 'confirmed',
  layers: false,
  reentrant: true,
  maxWaiters: 1_000,
  maxWaitingProcesses: 10_000,
} as const;

export const BUILT_IN: AcquireSettings = {
  ...CALL_DEFAULTS,
  signal: undefined,
  label: '',
  template: undefined,
  skipsWhenBusy: false,
  mode: 'exclusive',
  limit: undefined,
  weight: 1,
};

const MAX_LABEL_LENGTH = 128;
const MAX_TEMPLATE_LENGTH = 256;
/** The names of all options of a call. */
export const CALL_OPTIONS = [
  'leaseMs',
  'waitMs',
  'renew',
  'maxHoldMs',
  'minHoldMs',
  'signal',
  'label',
  'template',
  'skipsWhenBusy',
  'mode',
  'limit',
  'weight',
  'layers',
  'cohortMs',
  'release',
  'reentrant',
  'maxWaiters',
  'maxWaitingProcesses',
] as const satisfies readonly (keyof AcquireOptions)[];
/** A local hand-off writes no token to the store; at most a second of them may be unwritten, see force.lua. */
const MAX_COHORT_MS = 1_000;
const MAX_WAITERS = 1_000_000;

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

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID */
export function checkCall(
  options: AcquireOptions,
  defaults: AcquireSettings,
  place: () => string,
): AcquireSettings {
  const {
    leaseMs = defaults.leaseMs,
    waitMs = defaults.waitMs,
    renew = defaults.renew,
    maxHoldMs = defaults.maxHoldMs,
    minHoldMs = defaults.minHoldMs,
    signal,
    label = defaults.label,
    template = defaults.template,
    skipsWhenBusy = defaults.skipsWhenBusy,
    mode = defaults.mode,
    limit = defaults.limit,
    weight = defaults.weight,
    layers = defaults.layers,
    cohortMs = defaults.cohortMs,
    release = defaults.release,
    reentrant = defaults.reentrant,
    maxWaiters = defaults.maxWaiters,
    maxWaitingProcesses = defaults.maxWaitingProcesses,
  } = options;
  checkTimes({ leaseMs, waitMs, renew, maxHoldMs, minHoldMs }, place);
  const stop = signal === undefined ? undefined : stopOf(signal, place);
  if (typeof label !== 'string' || label.length > MAX_LABEL_LENGTH) {
    throw invalid(place(), ['label', label], `a string of at most ${MAX_LABEL_LENGTH} characters`);
  }
  if (template !== undefined && (typeof template !== 'string' || template.length > MAX_TEMPLATE_LENGTH)) {
    throw invalid(place(), ['template', template], `a string of at most ${MAX_TEMPLATE_LENGTH} characters`);
  }
  if (typeof skipsWhenBusy !== 'boolean')
    throw invalid(place(), ['skipsWhenBusy', skipsWhenBusy], 'true or false');
  if (mode !== 'exclusive' || limit !== undefined || weight !== 1) checkKind({ mode, limit, weight }, place);
  // What was read above is checked, not what reading once more would give.
  if (cohortMs !== defaults.cohortMs)
    checkInteger(place, ['cohortMs', cohortMs], { min: 0, max: MAX_COHORT_MS, unit: ' ms' });
  if (release !== 'confirmed' && release !== 'sent')
    throw invalid(place(), ['release', release], "'confirmed' or 'sent'");
  if (typeof layers !== 'boolean') throw invalid(place(), ['layers', layers], 'true or false');
  if (typeof reentrant !== 'boolean') throw invalid(place(), ['reentrant', reentrant], 'true or false');
  if (maxWaiters !== defaults.maxWaiters)
    checkInteger(place, ['maxWaiters', maxWaiters], { min: 1, max: MAX_WAITERS });
  if (maxWaitingProcesses !== defaults.maxWaitingProcesses)
    checkInteger(place, ['maxWaitingProcesses', maxWaitingProcesses], { min: 1, max: MAX_WAITERS });
  return {
    leaseMs,
    waitMs,
    renew,
    maxHoldMs,
    minHoldMs,
    signal: stop,
    label,
    template,
    skipsWhenBusy,
    mode,
    limit,
    weight,
    layers,
    cohortMs,
    release,
    reentrant,
    maxWaiters,
    maxWaitingProcesses,
  };
}
