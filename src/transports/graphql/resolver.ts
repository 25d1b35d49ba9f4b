import 'reflect-metadata';
import type { AnyFunction } from '../../template/locked-method.js';

/** Nest's metadata keys, the same in `@nestjs/graphql` 13 and 14. */
const PROPERTY = 'graphql:resolve_property';

/** `@ResolveField`: it resolves a field of an object, beside its siblings. */
export function isFieldResolver(method: AnyFunction): boolean {
  return Reflect.getMetadata(PROPERTY, method) === true;
}
