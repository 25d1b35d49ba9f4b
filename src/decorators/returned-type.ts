import 'reflect-metadata';
import { LockUsageError } from '../../lib/index.js';
import type { LockedSpec } from '../locked-spec.js';
import type { AnyFunction } from '../template/locked-method.js';

interface Decorated {
  readonly original: AnyFunction;
  readonly place: string;
}

/** What stands for "comes later" in a class: a promise, an Observable, a stream, a StreamableFile. */
const LATER = ['then', 'subscribe', 'pipe', 'getStream', 'getReader', 'body', Symbol.asyncIterator];

/**
 * A method that waits for a lock cannot give its result at once. The compiler records the declared return type (classes only;
 * interfaces and missing annotations say nothing), so most mistakes are seen here, when the class is defined.
 *
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
export function returnsOf(
  target: object,
  methodName: string | symbol,
  { original, place }: Decorated,
): LockedSpec['returns'] {
  const kind = Object.prototype.toString.call(original);
  if (kind === '[object AsyncGeneratorFunction]') return 'generator';
  if (kind === '[object GeneratorFunction]')
    throw cannotWait(place, 'a Generator', `async *${String(methodName)}()`);
  const declared = Reflect.getMetadata('design:returntype', target, methodName) as AnyFunction | undefined;
  if (typeof declared !== 'function' || (declared as unknown) === Object || kind === '[object AsyncFunction]')
    return 'promise';
  const prototype = (declared.prototype ?? {}) as object;
  if ('subscribe' in prototype) return 'observable';
  if (LATER.some((member) => member in prototype)) return 'promise';
  throw cannotWait(place, declared.name, `async ${String(methodName)}(…): Promise<${declared.name}>`);
}

function cannotWait(place: string, declared: string, remedy: string): LockUsageError {
  return new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `@Locked on ${place}: the method is declared to return ${declared} at once, but it has to wait for its lock; declare \`${remedy}\``,
  );
}
