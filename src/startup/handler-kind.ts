import 'reflect-metadata';

/** What calls a method that Nest calls: a route, a GraphQL operation, a message that wants an answer, one that does not, a gateway's message. */
export type HandlerKind = 'http' | 'graphql' | 'rpc' | 'event' | 'ws';

/** Nest's metadata keys, the same in 11 and 12. The packages are optional, so their constants cannot be imported. */
const METHOD = 'method';
const PATTERN = 'microservices:pattern';
const PATTERN_HANDLER = 'microservices:handler_type';
/** `PatternHandler.EVENT`: of `@EventPattern`. */
const EVENT = 2;
const GATEWAY_MESSAGE = 'websockets:message_mapping';
const GRAPHQL = ['graphql:resolver_type', 'graphql:resolve_property', 'graphql:resolve_reference'];

/** What calls this method; several in a hybrid application, none for a method of a service. */
export function handlerKindsOf(method: object): HandlerKind[] {
  const kinds: HandlerKind[] = [];
  if (Reflect.hasMetadata(METHOD, method)) kinds.push('http');
  if (GRAPHQL.some((key) => Reflect.hasMetadata(key, method))) kinds.push('graphql');
  if (Reflect.hasMetadata(PATTERN, method))
    kinds.push(Reflect.getMetadata(PATTERN_HANDLER, method) === EVENT ? 'event' : 'rpc');
  if (Reflect.hasMetadata(GATEWAY_MESSAGE, method)) kinds.push('ws');
  return kinds;
}
