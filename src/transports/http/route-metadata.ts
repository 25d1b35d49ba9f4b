import 'reflect-metadata';
import type { AnyFunction } from '../../template/locked-method.js';

/** Nest's metadata keys, the same in 11 and 12 (`@nestjs/common/constants`; 12 does not resolve every path that 11 does). */
export const PATH = 'path';
const METHOD = 'method';
const MODULE_PATH = '__module_path__';
const ROUTE_ARGUMENTS = '__routeArguments__';
const PASSTHROUGH = '__responsePassthrough__';
/** RouteParamtypes RESPONSE and NEXT, as the first part of a key such as "1:0". */
const RESPONSE_ARGUMENT = /^[12]:/;

export interface RoutePrefixes {
  readonly applicationId: string;
  /** The modules that have the controller; `RouterModule` gives them a path. */
  readonly modules: readonly AnyFunction[];
  readonly global: string;
}

/** Every full path of a route handler, for the names of its parameters; [] when the method is no route handler. */
export function routePathsOf(
  controller: AnyFunction,
  handler: AnyFunction,
  prefixes?: RoutePrefixes,
): string[] {
  if (Reflect.getMetadata(METHOD, handler) === undefined) return [];
  const ofMethod = pathsIn(handler, PATH);
  const ofController = pathsIn(controller, PATH);
  const ofModules = (prefixes?.modules ?? []).flatMap((module) =>
    pathsIn(module, MODULE_PATH + prefixes?.applicationId),
  );
  const start = (prefixes?.global ?? '') + (ofModules.length > 0 ? `/${ofModules.join('/')}` : '');
  return ofController.flatMap((first) =>
    ofMethod.map((second) => `/${start}/${first}/${second}`.replaceAll(/\/{2,}/g, '/')),
  );
}

function pathsIn(target: object, key: string): string[] {
  const found = Reflect.getMetadata(key, target) as string | readonly string[] | undefined;
  if (found === undefined) return key === PATH ? [''] : [];
  return typeof found === 'string' ? [found] : [...found];
}

/** `@Res()` or `@Next()` without `passthrough`: Nest leaves the response to the handler. */
export function handlesResponse(controller: AnyFunction, methodName: string | symbol): boolean {
  const record = Reflect.getMetadata(ROUTE_ARGUMENTS, controller, methodName) as object | undefined;
  const takesResponse = Object.keys(record ?? {}).some((key) => RESPONSE_ARGUMENT.test(key));
  return takesResponse && Reflect.getMetadata(PASSTHROUGH, controller, methodName) !== true;
}
