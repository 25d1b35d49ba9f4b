import type { LockBusyError } from '../../lib/index.js';
import type { AnyFunction, NameSpec } from '../template/locked-method.js';

/** `when` of `@Locked`: a function of the method's arguments. */
export type LockCondition = (...args: never[]) => boolean | Promise<boolean>;

/** `fallback` of `@Locked`: a function of the error and the method's arguments. */
export type BusyFallback = (error: LockBusyError, ...args: never[]) => unknown;

type Method = (...args: never[]) => unknown;

/**
 * What `@Locked` gives: a decorator of methods that return a Promise, an Observable or an AsyncGenerator (over HTTP also what Nest can send
 * as a stream), and of classes. On a method the compiler sees that the key function, `when` and `fallback` take its arguments.
 */
export interface LockedDecorator<
  Names extends NameSpec = NameSpec,
  Condition extends LockCondition = LockCondition,
  Fallback extends BusyFallback = BusyFallback,
> {
  (targetClass: AnyFunction): void;
  <T extends Method>(
    target: object,
    methodName: string | symbol,
    descriptor: TypedPropertyDescriptor<T> &
      Check<
        TakesArguments<Extract<Names, Method>, T>,
        'the key function takes other arguments than the method'
      > &
      Check<TakesArguments<Condition, T>, '`when` takes other arguments than the method'> &
      Check<
        FallsBack<Fallback, T>,
        '`fallback` takes other arguments, or gives another result, than the method'
      >,
  ): void;
}

/** The text is what the compiler shows. */
type Check<Fits extends boolean, Problem extends string> = Fits extends true
  ? unknown
  : { [P in Problem]: never };

/** A function that may leave out what comes last. `never[]`: nothing is known of it, as of options that come from a variable. */
type TakesArguments<F extends Method, T extends Method> = [F] extends [never]
  ? true
  : Parameters<F> extends never[]
    ? true
    : [F] extends [(...args: Parameters<T>) => unknown]
      ? true
      : false;

type FallsBack<F extends BusyFallback, T extends Method> =
  Parameters<F> extends [unknown, ...never[]]
    ? IsResult<ReturnType<F>, T>
    : [F] extends [(error: LockBusyError, ...args: Parameters<T>) => unknown]
      ? IsResult<ReturnType<F>, T>
      : false;

/** What a method that gives nothing falls back to is not looked at. `unknown`: nothing is known of the fallback. */
type IsResult<R, T extends Method> = unknown extends R
  ? true
  : void extends Awaited<ReturnType<T>>
    ? true
    : [R] extends [ReturnType<T> | Awaited<ReturnType<T>>]
      ? true
      : false;
