import {
  type AcquireOptions,
  CALL_OPTIONS,
  checkAcquireOptions,
  describeKind,
  describeValue,
  LockUsageError,
} from '../../lib/index.js';
import type { LockedSpec } from '../locked-spec.js';
import { notesOn } from '../template/key-function-notes.js';
import { parseTemplate } from '../template/lock-template.js';
import { type NameSpec, phaseOf } from '../template/locked-method.js';
import type { BusyFallback, LockCondition } from './decorator-types.js';

/** What a call says of itself. */
type OfCall = 'signal' | 'template' | 'skipsWhenBusy';
const OF_CALL: readonly string[] = ['signal', 'template', 'skipsWhenBusy'] satisfies OfCall[];

/** Options of one `@Locked`; what is left out comes from the module's options. */
export interface LockedOptions<
  Condition extends LockCondition = LockCondition,
  Fallback extends BusyFallback = BusyFallback,
> extends Omit<AcquireOptions, OfCall> {
  /**
   * Over HTTP: 'request' (default) locks around everything below the first interceptor, names from the raw request; 'handler' locks
   * after the pipes, names from the final arguments. A key function, `when`, `fallback` and `onBusy: 'skip'` always mean 'handler'.
   */
  phase?: 'request' | 'handler';
  /** HTTP status when the wait ran out; 400 to 599; default 423 (Locked). */
  busyStatus?: number;
  /**
   * 'wait' (default): up to `waitMs`. 'reject': do not wait at all. 'skip': do not wait, and where somebody else has the lock, do not run:
   * the call resolves to undefined (an Observable or a generator ends without a value). For jobs and events; on handlers of HTTP, GraphQL
   * and `@MessagePattern`, whose callers wait for an answer, it is a LockUsageError when the application starts.
   */
  onBusy?: 'wait' | 'reject' | 'skip';
  /**
   * Called instead of the method with the LockBusyError and the arguments of the call, when the wait ran out or too many wait already;
   * what it returns or throws is the call's. Not for other errors. `this` is the object of the method.
   */
  fallback?: Fallback;
  /**
   * Called with the arguments of the call, before everything else: false, or a promise of it, runs the method without the lock, with no
   * event, and `@CurrentLease()` is null. What it throws is the call's. `this` is the object of the method.
   */
  when?: Condition;
  /**
   * 'fail' (default): a store that cannot be asked is the caller's error. 'run-unlocked': where the store was still away
   * (LOCK_STORE_UNAVAILABLE, LOCK_STORE_READONLY) when `waitMs` was over, the method runs without the lock, and `@CurrentLease()` is null. Callers
   * of this process still exclude each other, processes do not. Each time an event (`runsUnlocked`) and a warning tell of it. Never when the lock
   * is busy, and not when it is lost later.
   */
  onStoreFailure?: 'fail' | 'run-unlocked';
  /** The lock service to use, as named in `forRoot({ name })`; default: the default one. */
  service?: string;
}

/** Each call has a signal of its own; the others are said in the decorator's own words. */
const OPTIONS_OF_CALLS = CALL_OPTIONS.filter(
  (option): option is Exclude<typeof option, OfCall> => !OF_CALL.includes(option),
);
const OPTIONS: readonly string[] = [
  ...OPTIONS_OF_CALLS,
  'phase',
  'busyStatus',
  'onBusy',
  'fallback',
  'when',
  'onStoreFailure',
  'service',
];
const ON_BUSY: readonly unknown[] = ['wait', 'reject', 'skip'];
const MAX_LABEL_LENGTH = 128;
const MAX_TEMPLATE_LENGTH = 256;

/** What is the same in every use of one `@Locked`. */
export type LockedWords = Pick<
  LockedSpec,
  'phase' | 'busyStatus' | 'whenBusy' | 'fallback' | 'when' | 'runsUnlocked'
>;

/** A function of the decorator is called with the final arguments, and one who skips gives no answer: neither can be before the pipes. */
export function wordsOf(names: NameSpec, options: LockedOptions): LockedWords {
  const { phase = 'request', onBusy, fallback, when, busyStatus = 423 } = options;
  const isForArguments = fallback !== undefined || when !== undefined || onBusy === 'skip';
  return {
    phase: isForArguments ? 'handler' : phaseOf(names, phase),
    busyStatus,
    whenBusy: onBusy === 'skip' ? 'skip' : 'throw',
    fallback,
    when,
    runsUnlocked: options.onStoreFailure === 'run-unlocked',
  };
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_TEMPLATE_INVALID, LOCK_TEMPLATE_FORBIDDEN */
export function checkNames(names: NameSpec, place: string): void {
  if (typeof names === 'function') return;
  const templates = typeof names === 'string' ? [names] : names;
  if (!Array.isArray(templates) || templates.length === 0) {
    throw usage(
      place,
      `the first argument must be a template, a list of them or a function, got ${describeValue(names)}`,
    );
  }
  for (const template of templates as readonly string[]) parseTemplate(template, place);
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID */
export function checkOptions(options: LockedOptions, place: string): void {
  if (typeof options !== 'object' || options === null)
    throw usage(place, `options must be an object, got ${describeValue(options)}`);
  for (const [key, value] of Object.entries(options)) {
    if (value !== undefined && !OPTIONS.includes(key)) {
      throw usage(place, `option "${key}" is not known or not built yet; known: ${OPTIONS.join(', ')}`);
    }
  }
  const { phase, onBusy, busyStatus, service, waitMs } = options;
  if (phase !== undefined && phase !== 'request' && phase !== 'handler') {
    throw usage(place, `phase must be 'request' or 'handler', got ${describeValue(phase)}`);
  }
  if (onBusy !== undefined && !ON_BUSY.includes(onBusy))
    throw usage(place, `onBusy must be 'wait', 'reject' or 'skip', got ${describeValue(onBusy)}`);
  if (onBusy !== undefined && onBusy !== 'wait' && waitMs !== undefined)
    throw usage(place, `onBusy: '${onBusy}' does not wait; leave waitMs out`);
  const { onStoreFailure } = options;
  if (onStoreFailure !== undefined && onStoreFailure !== 'fail' && onStoreFailure !== 'run-unlocked')
    throw usage(
      place,
      `onStoreFailure must be 'fail' or 'run-unlocked', got ${describeValue(onStoreFailure)}`,
    );
  checkFunctions(options, place);
  if (busyStatus !== undefined && !(Number.isInteger(busyStatus) && busyStatus >= 400 && busyStatus <= 599)) {
    throw usage(place, `busyStatus must be an HTTP status from 400 to 599, got ${describeValue(busyStatus)}`);
  }
  if (service !== undefined && (typeof service !== 'string' || service === '')) {
    throw usage(place, `service must be the name of a lock service, got ${describeValue(service)}`);
  }
}

function checkFunctions({ when, fallback, onBusy, phase }: LockedOptions, place: string): void {
  for (const [option, given] of Object.entries({ when, fallback }) as [string, unknown][]) {
    if (given !== undefined && typeof given !== 'function')
      throw usage(
        place,
        `${option} must be a function of the method's arguments, got ${describeKind(given)}`,
      );
    if (given !== undefined && phase === 'request') {
      const problem = `${option} gets the final arguments, which are made after the pipes, so phase: 'request' cannot be`;
      throw usage(place, `${problem}; leave phase out`);
    }
  }
  if (onBusy !== 'skip') return;
  if (fallback !== undefined)
    throw usage(place, "onBusy: 'skip' and fallback both say what a busy lock means; leave one of them out");
  if (phase === 'request') throw usage(place, "onBusy: 'skip' is not for requests; leave phase out");
}

/** @throws LockUsageError LOCK_OPTIONS_INVALID, LOCK_LEASE_INVALID */
export function acquireOptionsOf(options: LockedOptions, place: string): AcquireOptions {
  const { label = place.slice(0, MAX_LABEL_LENGTH), onBusy } = options;
  const waitMs = onBusy === 'reject' || onBusy === 'skip' ? 0 : options.waitMs;
  const wanted = { ...options, label, waitMs };
  const given = OPTIONS_OF_CALLS.filter((option) => wanted[option] !== undefined);
  const acquire: AcquireOptions = Object.fromEntries(given.map((option) => [option, wanted[option]]));
  checkAcquireOptions(acquire, `@Locked on ${place}`);
  return onBusy === 'skip' ? { ...acquire, skipsWhenBusy: true } : acquire;
}

/** For events and metrics. */
export function templateOf(names: NameSpec): Pick<AcquireOptions, 'template'> {
  const noted = notesOn(names)?.template;
  if (noted !== undefined) return { template: noted.slice(0, MAX_TEMPLATE_LENGTH) };
  if (typeof names === 'function') return {}; // it shows none
  return { template: (typeof names === 'string' ? names : names.join(' + ')).slice(0, MAX_TEMPLATE_LENGTH) };
}

export function usage(place: string, problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `@Locked on ${place}: ${problem}`);
}
