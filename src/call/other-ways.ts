import { catchError, defer, from, mergeMap, type Observable, of } from 'rxjs';
import { describeValue, LockBusyError, LockUsageError } from '../../lib/index.js';
import { lockedObservable, type LockedSource } from './locked-observable.js';
import { invoke, type LockedCall } from './method-call.js';
import { isObservable } from './stream-like.js';

/**
 * The ways of a call round its lock: `when` says that it needs none; `fallback` and `onBusy: 'skip'` say what it is when the lock is busy.
 *
 * @throws what `when` throws; LockUsageError LOCK_OPTIONS_INVALID when it gives neither true nor false
 */
export async function isWanted({ spec, self, args }: LockedCall): Promise<boolean> {
  const { when, place } = spec;
  if (when === undefined) return true;
  const answer: unknown = await Reflect.apply(when, self, args);
  if (typeof answer === 'boolean') return answer;
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on ${place}: when must give true or false, or a promise of it, got ${describeValue(answer)}; the method did not run`,
  );
}

/** What the call is instead of the method, when its lock was not taken. @throws `error` where the decorator says nothing about it */
export function insteadOf({ spec, self, args }: LockedCall, error: unknown): unknown {
  if (!(error instanceof LockBusyError)) throw error;
  if (spec.whenBusy === 'skip') return undefined;
  if (spec.fallback === undefined) throw error;
  return Reflect.apply(spec.fallback, self, [error, ...args]);
}

/** A method that gives an Observable: both are asked at each subscription. */
export function observableOf(call: LockedCall, source: LockedSource): Observable<unknown> {
  const { when, whenBusy, fallback } = call.spec;
  const hasInstead = whenBusy === 'skip' || fallback !== undefined;
  const locked = hasInstead ? withInstead(call, source) : lockedObservable(source);
  if (when === undefined) return locked;
  return defer(() => isWanted(call)).pipe(
    mergeMap((wanted) => (wanted ? locked : (invoke(call.spec, call, null) as Observable<unknown>))),
  );
}

function withInstead(call: LockedCall, source: LockedSource): Observable<unknown> {
  return defer(() => {
    let refusal: unknown; // of the lock; what the method itself says about another lock is its own
    const acquire: LockedSource['acquire'] = async (signal) => {
      try {
        return await source.acquire(signal);
      } catch (error) {
        refusal = error;
        throw error;
      }
    };
    return lockedObservable({ ...source, acquire }).pipe(
      catchError((error: unknown) => {
        if (error !== refusal) throw error;
        const given = insteadOf(call, error);
        if (isObservable(given)) return given;
        return call.spec.whenBusy === 'skip' ? of() : from(Promise.resolve(given));
      }),
    );
  });
}

/** Of an async generator's fallback. */
export function isIterable(value: unknown): value is AsyncGenerator<unknown, unknown> {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}
