import 'reflect-metadata';
import { type LockedMethod, methodOf } from './locked-method.js';
import { lockKeysOf } from './lock-key-metadata.js';
import type { RequestSource } from './lock-template.js';

/**
 * Nest's own record of what it binds to a handler's arguments (`ROUTE_ARGS_METADATA`, the same in 11 and 12). `@Param('id')`
 * on argument 0 is stored under "5:0"; GraphQL `@Args`, `@Payload` and `@MessageBody` use the same shape with their own numbers.
 */
const ROUTE_ARGUMENTS = '__routeArguments__';
const PIPES = '__pipes__';

/** Nest's `RouteParamtypes` for HTTP, as far as a template can read them. */
const HTTP_SOURCES: Readonly<Record<string, RequestSource>> = {
  3: 'body',
  4: 'query',
  5: 'params',
  6: 'headers',
};

/** `@Payload`, `@MessageBody` and GraphQL's `@Args` in their own lists. */
const PAYLOAD = '3';

/** How a pipe is told what it works on (`ArgumentMetadata.type`); RouteParamtypes that no pipe runs on are absent. */
const PIPED_TYPES: Readonly<Record<string, string>> = { 3: 'body', 4: 'query', 5: 'param' };

/** One argument of a handler, as Nest fills it. */
export interface BoundArgument {
  readonly index: number;
  /** Where in the request it comes from; undefined for custom decorators, `@Req()` and everything that is not HTTP. */
  readonly source: RequestSource | undefined;
  /** `@Param('id')` → 'id'; undefined when the whole part is bound (`@Body() dto`). */
  readonly name: string | undefined;
  /** What runs on it before the handler, in Nest's order: global, class, method, argument. */
  readonly pipes: readonly object[];
  /** ArgumentMetadata.type. */
  readonly pipedAs: string;
  /** The declared type, where the compiler emits it. */
  readonly declared: unknown;
  /** The value is the client's: of an HTTP request, or `@Payload`, `@MessageBody`, `@Args`. */
  readonly fromClient: boolean;
  /** The sender chose the spelling, and the compiler (esbuild, tsx) recorded no type for any parameter of the method. */
  readonly isUntyped: boolean;
  /** Nest 12: a Standard Schema given to the parameter decorator. */
  readonly schema: unknown;
}

export function boundArguments(method: LockedMethod): readonly BoundArgument[] {
  const { targetClass, methodName, kind } = method;
  const record = Reflect.getMetadata(ROUTE_ARGUMENTS, targetClass, methodName) as
    | Record<string, RawArgument>
    | undefined;
  const types = declaredTypes(method);
  const shared = [...method.globalPipes, ...pipesOf(targetClass), ...pipesOf(currentFunction(method))];
  const bound = Object.entries(record ?? {}).map(([key, { index, data, pipes = [], schema }]) => {
    const type = key.slice(0, key.lastIndexOf(':'));
    const isHttp = kind === 'http';
    const custom = !/^\d+$/.test(type);
    const piped = custom || !isHttp || PIPED_TYPES[type] !== undefined;
    const source = isHttp ? HTTP_SOURCES[type] : undefined;
    const fromClient = source !== undefined || (!isHttp && type === PAYLOAD);
    return {
      index,
      source,
      name: typeof data === 'string' && data !== '' ? data : undefined,
      pipes: piped ? [...shared, ...pipes].filter(isPipe) : [],
      pipedAs: custom ? 'custom' : (PIPED_TYPES[type] ?? 'custom'),
      declared: types?.[index],
      fromClient,
      isUntyped: types === undefined && fromClient,
      schema,
    };
  });
  return bound.toSorted((a, b) => a.index - b.index); // decorators run from the last argument to the first
}

/** Nest's metadata keys of handlers that may go without parameter decorators, and the argument that then has what the client sent. */
const PAYLOAD_INDEX: readonly (readonly [key: string, index: number])[] = [
  ['microservices:pattern', 0], // (data, context)
  ['websockets:message_mapping', 1], // (client, data)
  ['graphql:resolver_type', 1], // (root, args, context, info)
];

/** The argument with the client's values, of a handler without parameter decorators; undefined: it has some, or is no such handler. */
export function barePayloadIndex(method: LockedMethod): number | undefined {
  const { targetClass, methodName, kind } = method;
  if (kind === 'http' || Reflect.hasMetadata(ROUTE_ARGUMENTS, targetClass, methodName)) return undefined;
  const handler = currentFunction(method);
  return PAYLOAD_INDEX.find(([key]) => Reflect.hasMetadata(key, handler))?.[1];
}

interface RawArgument {
  readonly index: number;
  readonly data?: unknown;
  readonly pipes?: readonly unknown[];
  readonly schema?: unknown;
}

/** The types the compiler recorded for the method's parameters; undefined where it records none. */
function declaredTypes({ targetClass, methodName }: LockedMethod): readonly unknown[] | undefined {
  return Reflect.getMetadata('design:paramtypes', targetClass.prototype as object, methodName) as
    | readonly unknown[]
    | undefined;
}

export function lockKeys({ targetClass, methodName }: LockedMethod): ReturnType<typeof lockKeysOf> {
  return lockKeysOf(targetClass, methodName);
}

/**
 * The names of a route's parameters. Express writes `/a/:id`, `/a{/:id}` and `/*rest`; Fastify also `/:id(\\d+)`.
 */
export function pathParameters(routePath: string): readonly string[] {
  const unescaped = routePath.replaceAll(/\\./g, '');
  return [...unescaped.matchAll(/[:*]([\p{L}_$][\p{L}\p{N}_$]*)/gu)].map(([, name = '']) => name);
}

/** `@UsePipes` stores on the function it decorates, and one above `@Locked` decorates our wrapper. */
function currentFunction({ targetClass, methodName, original }: LockedMethod): object {
  const current = methodOf(targetClass, methodName);
  return typeof current === 'function' ? current : original;
}

function pipesOf(target: object): readonly unknown[] {
  return (Reflect.getMetadata(PIPES, target) as readonly unknown[] | undefined) ?? [];
}

/** What Nest itself runs: a class, or an object with `transform`. */
function isPipe(pipe: unknown): pipe is object {
  if (typeof pipe === 'function') return true;
  return (
    typeof pipe === 'object' &&
    pipe !== null &&
    typeof (pipe as { transform?: unknown }).transform === 'function'
  );
}
