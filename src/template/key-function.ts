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
  const careless = names.find((name) => name.includes('[object '));
  if (careless !== undefined) {
    const problem = `the key function returned ${describeValue(careless)}, an object turned to text, which is the same for all of them`;
    throw new TemplateValueError(`@Locked on ${place}: ${problem}; build names with lockName\`…\``, false);
  }
  return [...new Set(names)];
}

function isUsable(name: unknown): name is string {
  return typeof name === 'string' && name.trim() !== '';
}

export function refuseRequest(place: string): never {
  throw new LockUsageError(
    'LOCK_TEMPLATE_INVALID',
    `@Locked on ${place}: its name is made from the method's arguments, not from the request`,
  );
}
