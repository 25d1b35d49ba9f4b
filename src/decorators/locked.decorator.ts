import 'reflect-metadata';
import type { AcquireOptions } from '../../lib/index.js';
import { checkAcquireOptions, describeValue, LockUsageError } from '../../lib/index.js';
import { callLocked } from '../call/locked-call.js';
import { DEFAULT_SERVICE } from '../lock.tokens.js';
import { isDecorated, leaseArgumentsOf, type LockedSpec, rememberSpec } from '../locked-spec.js';
import { addServiceSlot } from '../startup/service-slot.js';
import { parseTemplate } from '../template/lock-template.js';
import { type AnyFunction, type NameSpec, phaseOf } from '../template/locked-method.js';
import { returnsOf } from './returned-type.js';

/** Options of one `@Locked`; what is left out comes from the module's options. */
export interface LockedOptions extends Pick<
  AcquireOptions,
  | 'leaseMs'
  | 'waitMs'
  | 'renew'
  | 'maxHoldMs'
  | 'minHoldMs'
  | 'label'
  | 'mode'
  | 'limit'
  | 'weight'
  | 'cohortMs'
  | 'release'
  | 'reentrant'
  | 'maxWaiters'
  | 'maxWaitingProcesses'
> {
  /**
   * Over HTTP: 'request' (default) locks around everything below the first interceptor, names from the raw request; 'handler' locks
   * after the pipes, names from the final arguments. A key function always means 'handler'.
   */
  phase?: 'request' | 'handler';
  /** HTTP status when the wait ran out; 400 to 599; default 423 (Locked). */
  busyStatus?: number;
  /** 'wait' (default): up to `waitMs`. 'reject': do not wait at all. */
  onBusy?: 'wait' | 'reject';
  /** The lock service to use, as named in `forRoot({ name })`; default: the default one. */
  service?: string;
}

const CALL_OPTIONS: readonly (keyof LockedOptions & keyof AcquireOptions)[] = [
  'leaseMs',
  'waitMs',
  'renew',
  'maxHoldMs',
  'minHoldMs',
  'label',
  'mode',
  'limit',
  'weight',
  'cohortMs',
  'release',
  'reentrant',
  'maxWaiters',
  'maxWaitingProcesses',
];
const OPTIONS: readonly string[] = [...CALL_OPTIONS, 'phase', 'busyStatus', 'onBusy', 'service'];
const MAX_LABEL_LENGTH = 128;
const MAX_TEMPLATE_LENGTH = 256;

/** A method that gives a Promise, an Observable or an AsyncGenerator; over HTTP also what Nest can send as a stream. */
export type LockedDecorator = <T>(
  target: object,
  methodName: string | symbol,
  descriptor: TypedPropertyDescriptor<T>,
) => void;

/**
 * Runs the method under a lock: `@Locked('group:<groupId>')` on a controller or any other class that Nest makes.
 *
 * Over HTTP the lock is held until the answer is complete, streams included, and a client that goes away stops waiting. A service method
 * holds it until its Promise settles (and the stream in it, if any, is over), its Observable ends, or its generator is done. The method
 * gets its Lease through `@CurrentLease()`.
 *
 * Decorators above it run under the lock in phase 'request' of HTTP, else around it. They must call the method.
 *
 * Several names are taken together, all or none: `@Locked(['account:<from>', 'account:<to>'])`, `@Locked('item:<ids[]>')`.
 *
 * @param names a template, several, or a function of the method's arguments that gives names (encode ids with `lockName`)
 * @throws LockUsageError when the class is defined, for anything wrong that can be seen then; the rest when the application starts.
 *   The decorated method throws LockBusyError, LockLostError, LockStoreError, and whatever it throws itself
 */
export function Locked(names: NameSpec, options: LockedOptions = {}): LockedDecorator {
  return (target, methodName, descriptor) => {
    const isStatic = typeof target === 'function';
    const targetClass = isStatic ? target : target.constructor;
    const place = `${targetClass.name}.${String(methodName)}`;
    const original = descriptor?.value as unknown;
    if (typeof original !== 'function')
      throw usage(place, 'only methods can be locked, not properties or accessors');
    if (isDecorated(target, methodName))
      throw usage(place, '@Locked stands there twice; give one @Locked all the names');
    checkNames(names, place);
    checkOptions(options, place);
    const spec: LockedSpec = Object.freeze({
      names,
      targetClass,
      methodName,
      isStatic,
      original,
      place,
      phase: phaseOf(names, options.phase ?? 'request'),
      busyStatus: options.busyStatus ?? 423,
      serviceName: options.service ?? DEFAULT_SERVICE,
      acquire: { ...acquireOptionsOf(options, place), ...templateOf(names) },
      returns: returnsOf(target, methodName, { original, place }),
      leaseArguments: leaseArgumentsOf(target, methodName),
    });
    (descriptor as PropertyDescriptor).value = wrap(spec, target);
    if (!isStatic) addServiceSlot(target, spec.serviceName);
  };
}

/**
 * The prototype of our function is the author's, so that metadata of decorators below (`@Get`, `@Cron`, …) is found through it, in any
 * order; decorators above write on ours.
 */
function wrap(spec: LockedSpec, target: object): AnyFunction {
  const locked = function (this: unknown, ...args: unknown[]): unknown {
    return callLocked(spec, this, args);
  };
  Object.defineProperty(locked, 'name', { value: spec.original.name, configurable: true });
  Object.defineProperty(locked, 'length', { value: spec.original.length, configurable: true });
  Object.setPrototypeOf(locked, spec.original);
  rememberSpec(locked, target, spec);
  return locked;
}

function checkNames(names: NameSpec, place: string): void {
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

function checkOptions(options: LockedOptions, place: string): void {
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
  if (onBusy !== undefined && onBusy !== 'wait' && onBusy !== 'reject') {
    const problem =
      (onBusy as string) === 'skip' ? "'skip' is not built yet" : `got ${describeValue(onBusy)}`;
    throw usage(place, `onBusy must be 'wait' or 'reject': ${problem}`);
  }
  if (onBusy === 'reject' && waitMs !== undefined)
    throw usage(place, "onBusy: 'reject' does not wait; leave waitMs out");
  if (busyStatus !== undefined && !(Number.isInteger(busyStatus) && busyStatus >= 400 && busyStatus <= 599)) {
    throw usage(place, `busyStatus must be an HTTP status from 400 to 599, got ${describeValue(busyStatus)}`);
  }
  if (service !== undefined && (typeof service !== 'string' || service === '')) {
    throw usage(place, `service must be the name of a lock service, got ${describeValue(service)}`);
  }
}

function acquireOptionsOf(options: LockedOptions, place: string): AcquireOptions {
  const { label = place.slice(0, MAX_LABEL_LENGTH), onBusy } = options;
  const waitMs = onBusy === 'reject' ? 0 : options.waitMs;
  const wanted = { ...options, label, waitMs };
  const given = CALL_OPTIONS.filter((option) => wanted[option] !== undefined);
  const acquire: AcquireOptions = Object.fromEntries(given.map((option) => [option, wanted[option]]));
  checkAcquireOptions(acquire, `@Locked on ${place}`);
  return acquire;
}

/** For events and metrics. A key function shows none. */
function templateOf(names: NameSpec): Pick<AcquireOptions, 'template'> {
  if (typeof names === 'function') return {};
  return { template: (typeof names === 'string' ? names : names.join(' + ')).slice(0, MAX_TEMPLATE_LENGTH) };
}

function usage(place: string, problem: string): LockUsageError {
  return new LockUsageError('LOCK_OPTIONS_INVALID', `@Locked on ${place}: ${problem}`);
}
