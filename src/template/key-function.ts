import { isPromise } from 'node:util/types';
import { describeValue, LockUsageError } from '../../lib/index.js';
import type { CompiledNames, NameSpec } from './locked-method.js';
import { TemplateValueError } from './template-value-error.js';

/** `@Locked((groupId: string) => lockName`group:${groupId}`)`: it gets the final arguments, whatever the phase says. */
export function compileKeyFunction(spec: Extract<NameSpec, Function>, place: string): CompiledNames {
  const keyFunction = spec as (...args: unknown[]) => unknown;
  return {
    fromArguments: (args) => keyNames(keyFunction(...args), place),
    fromRequest: () => refuseRequest(place),
    untyped: [],
  };
}

/** A key function's names are used as they are; values in them are encoded by `lockName`. */
function keyNames(result: unknown, place: string): string[] {
  // A promise is refused below; if it rejects as well, that must not end the process. A query of a builder also has `then`, which runs it.
  if (isPromise(result)) result.then(undefined, () => undefined);
  const names: readonly unknown[] = Array.isArray(result) ? result : [result];
  const wrong = names.find((name) => !isUsable(name));
  if (names.length === 0 || wrong !== undefined || !names.every(isUsable)) {
    const got = names.length === 0 ? 'an empty array' : describeValue(wrong);
    const problem = `the key function must return a non-empty string or a list of them, at once (no promise), got ${got}`;
    throw new TemplateValueError(`@Locked on ${place}: ${problem}`, false);
  }
  for (const name of names) checkForAccidents(name, place);
  return [...new Set(names)];
}

function isUsable(name: unknown): name is string {
  return typeof name === 'string' && name.trim() !== '';
}

/**
 * What a template literal makes of a value that is not there (`user:${id}`): a whole part between `:` or `/`. `lockName` writes a
 * value with such a text as `%6Eull`, so that somebody who is called Null has a lock.
 */
const NO_VALUE = /(?:^|[:/])(?<part>undefined|null|NaN|-?Infinity)(?=[:/]|$)/;
/** And of '': `user:`. Not `::`, which stands in IPv6 addresses and in names of classes, nor `/`, which may end a path. */
const NO_TEXT = /(?:^|[^:]):$|^:(?!:)/;

/** A name that an accident made is one lock for everybody whom it happens to. */
function checkForAccidents(name: string, place: string): void {
  const accident = accidentIn(name);
  if (accident === undefined) return;
  const fix = 'build names with lockName`…`, which refuses such values, or with a template';
  const problem = `the key function returned ${describeValue(name)}, ${accident}`;
  throw new TemplateValueError(`@Locked on ${place}: ${problem}; ${fix}`, false);
}

function accidentIn(name: string): string | undefined {
  if (name.includes('[object ')) return 'an object turned to text, which is the same for all of them';
  const part = NO_VALUE.exec(name)?.groups?.['part'];
  if (part !== undefined) return `with the part "${part}", which is what a missing value looks like`;
  return NO_TEXT.test(name)
    ? 'with nothing before or after a ":", which is what an empty value looks like'
    : undefined;
}

export function refuseRequest(place: string): never {
  throw new LockUsageError(
    'LOCK_TEMPLATE_INVALID',
    `@Locked on ${place}: its name is made from the method's arguments, not from the request`,
  );
}
