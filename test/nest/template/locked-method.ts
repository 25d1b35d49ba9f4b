import { compileNames } from '../../../src/template/compile-names.js';
import type { CompiledNames, LockedMethod, NameSpec } from '../../../src/template/locked-method.js';

// oxlint-disable-next-line typescript/no-unsafe-function-type
type AnyClass = Function & { prototype: object };

/** A method as the module would describe it to the compiler. */
export function lockedMethod(
  targetClass: AnyClass,
  methodName: string,
  more: Partial<LockedMethod> = {},
): LockedMethod {
  const original = (targetClass.prototype as Record<string, unknown>)[methodName];
  if (typeof original !== 'function') throw new Error(`no method ${methodName}`);
  return {
    targetClass,
    methodName,
    original,
    kind: 'method',
    phase: 'handler',
    routePaths: [],
    globalPipes: [],
    ...more,
  };
}

export function plain(targetClass: AnyClass, methodName: string, spec: NameSpec): CompiledNames {
  return compileNames(spec, lockedMethod(targetClass, methodName));
}

export function http(
  targetClass: AnyClass,
  methodName: string,
  spec: NameSpec,
  more: Partial<LockedMethod> = {},
): CompiledNames {
  return compileNames(
    spec,
    lockedMethod(targetClass, methodName, { kind: 'http', phase: 'request', ...more }),
  );
}

/** The error that `act` throws; an error if it throws none. */
export function thrownBy<E extends Error>(act: () => unknown): E {
  try {
    act();
  } catch (error) {
    return error as E;
  }
  throw new Error('nothing was thrown');
}
