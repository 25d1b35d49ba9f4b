import { LockUsageError } from '../../lib/index.js';

/**
 * Standard (TC39) decorators get `(value, context)`. Nest needs the older kind, with parameter decorators and metadata, and so do we:
 * called the other way we would lock nothing.
 *
 * @param second what a decorator received as its second argument
 * @throws LockUsageError LOCK_OPTIONS_INVALID
 */
export function refuseStandardDecorators(decorator: string, second: unknown): void {
  if (typeof second !== 'object' || second === null || !('kind' in second)) return;
  const { kind, name } = second as { kind: unknown; name?: unknown };
  throw new LockUsageError(
    'LOCK_OPTIONS_INVALID',
    `${decorator} on the ${String(kind)} ${String(name)}: this build compiles standard (TC39) decorators, which Nest cannot use; ` +
      'set "experimentalDecorators": true and "emitDecoratorMetadata": true in tsconfig.json ' +
      '(swc: jsc.transform.legacyDecorator and decoratorMetadata)',
  );
}
