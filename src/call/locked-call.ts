import type { Observable } from 'rxjs';
import { type AcquireOptions, type Lease, LockBusyError, Stop } from '../../lib/index.js';
import type { LockService } from '../lock.service.js';
import type { LockedSpec } from '../locked-spec.js';
import { registryOf } from '../startup/lock.registry.js';
import { serviceFor } from '../startup/service-slot.js';
import { type AnyFunction, methodOf } from '../template/locked-method.js';
import { rememberBusyStatus } from '../transports/http/busy-status.js';
import { ClientGoneError } from '../transports/client-gone.js';
import { type CallNote, takeCallNote } from './call-note.js';
import { LEFT } from './locked-observable.js';
import { invoke, type LockedCall } from './method-call.js';
import { runUnderLease } from './open-work.js';
import { insteadOf, isIterable, isWanted, observableOf } from './other-ways.js';
import { isObservable } from './stream-like.js';
import { failureOfMethod } from './transport-edge.js';

/**
 * What runs in the place of a method of `@Locked`. If the interceptor already took the lock for this very call, the method just
 * runs; otherwise (a service method, a gateway, phase 'handler', a controller called from code) the lock is taken here. The only paths
 * on which the method runs unlocked are those that its decorator asks for: `when`, and `onStoreFailure: 'run-unlocked'`.
 */
export function callLocked(spec: LockedSpec, self: unknown, args: readonly unknown[]): unknown {
  const note = takeCallNote(spec);
  if (note?.held !== undefined) return callUnderHeldLock(note, note.held, { self, args });
  const call: LockedCall = { spec, self, args, note };
  switch (spec.returns) {
    case 'observable':
      return observe(call);
    case 'generator':
      return generate(call);
    case 'promise':
      return run(call);
  }
}

function run(call: LockedCall, wait = call.note?.caller?.endOfWait()): Promise<unknown> {
  const result = runLocked(call, wait);
  if (call.note !== undefined) return result; // the interceptor is round us
  return result.catch((error: unknown) => {
    throw failureOfMethod(methodOf(classOf(call.self, call.spec), call.spec.methodName), error);
  });
}

async function runLocked(call: LockedCall, wait: Stop | undefined): Promise<unknown> {
  const { spec, note } = call;
  if (spec.when !== undefined && !(await isWanted(call))) return invoke(spec, call, null);
  let taken: TakenLock;
  try {
    taken = await acquireFor(call, wait);
  } catch (error) {
    return insteadOf(call, error);
  }
  const { lease, writesResponse } = taken;
  return runUnderLease(lease, note?.watch, (openWork) => {
    if (writesResponse) openWork.retainUntilClosed();
    return invoke(spec, call, lease);
  });
}

function observe(call: LockedCall): Observable<unknown> {
  return observableOf(call, {
    watch: call.note?.watch,
    caller: call.note?.caller,
    acquire: async (signal) => (await acquireFor(call, signal)).lease,
    start: (lease) => invoke(call.spec, call, lease) as Observable<unknown>,
    onClose: (stop) => stop(),
  });
}

/**
 * Takes the lock at the first step, gives it back after the last; the generator's own `finally` runs under the lock. Who leaves while the first
 * step still waits for the lock ends the wait.
 */
function generate(call: LockedCall): AsyncGenerator<unknown, unknown> {
  const wait = new Stop();
  const steps = (async function* () {
    const gone = call.note?.caller?.endOfWait();
    gone?.addEventListener('abort', () => wait.abort(LEFT));
    if (gone?.aborted === true) wait.abort(LEFT);
    try {
      const given = await run(call, wait);
      return isIterable(given) ? yield* given : given; // a fallback may give anything
    } catch (error) {
      if (error === LEFT) return undefined;
      throw await (call.note?.inForm(error) ?? error); // the interceptor has long let go of this call
    }
  })();
  const leave = steps.return.bind(steps);
  steps.return = (value) => {
    wait.abort(LEFT);
    return leave(value);
  };
  return steps;
}

interface TakenLock {
  readonly lease: Lease;
  readonly writesResponse: boolean;
}

async function acquireFor(call: LockedCall, signal: Stop | undefined): Promise<TakenLock> {
  const { spec, self, args, note } = call;
  const service = serviceFor(self, spec);
  const { names, handlesResponse } = registryOf(service).method(spec, classOf(self, spec), 'arguments');
  try {
    const lease = await takeLock(service, spec, { names: names.fromArguments(args, note?.request), signal });
    return { lease, writesResponse: note !== undefined && handlesResponse };
  } finally {
    note?.caller?.end?.();
  }
}

/** @throws what `acquire` throws; a LockBusyError remembers the decorator's `busyStatus` */
export async function takeLock(
  service: LockService,
  spec: LockedSpec,
  { names, signal }: { names: string[]; signal: Stop | undefined },
): Promise<Lease> {
  // The signal first: an object that gets a new property after a spread gets a hidden class of its own, and everybody who reads it
  // pays for that (2 µs for each request, measured on V8 11).
  const options: AcquireOptions = signal === undefined ? spec.acquire : { signal, ...spec.acquire };
  try {
    // A double of a test has none.
    const runs = spec.runsUnlocked ? (service as Partial<LockService>).unlockedRuns : undefined;
    return await (runs === undefined ? service.acquire(names, options) : runs.take(names, options));
  } catch (error) {
    if (error instanceof LockBusyError) rememberBusyStatus(error, spec.busyStatus);
    throw error;
  }
}

/** The interceptor holds the lock; it must know when the method itself has ended, and what it returned. */
function callUnderHeldLock(
  note: CallNote,
  { lease, openWork }: NonNullable<CallNote['held']>,
  call: Pick<LockedCall, 'self' | 'args'>,
): unknown {
  if (openWork.over) throw new ClientGoneError(); // pipes were still at work when the client left, and the lock is given back
  if (lease.state === 'lost') lease.assertHeld();
  const release = openWork.retain();
  const settle = (value: unknown) => {
    note.observable = isObservable(value);
    if (!note.observable) openWork.track(value);
    release();
    note.onSettled?.();
    return value;
  };
  const fail = (error: unknown): never => {
    settle(undefined);
    throw error;
  };
  try {
    const result = invoke(note.spec, call, lease);
    return isThenable(result) ? result.then(settle, fail) : settle(result);
  } catch (error) {
    return fail(error); // of the method, or of a result that throws when it is looked at
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** The class whose metadata counts: the object's own, which may inherit the method. */
function classOf(self: unknown, spec: LockedSpec): AnyFunction {
  const { targetClass, isStatic } = spec;
  if (isStatic) return typeof self === 'function' ? self : targetClass;
  const inherits =
    typeof self === 'object' && self !== null && self instanceof (targetClass as new () => object);
  return inherits ? self.constructor : targetClass;
}
