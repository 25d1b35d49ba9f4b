import 'reflect-metadata';
import type { AnyFunction } from '../../template/locked-method.js';

/** Nest's metadata keys, the same in 11 and 12 (`@nestjs/microservices/constants`). */
const PATTERN = 'microservices:pattern';
const HANDLER_TYPE = 'microservices:handler_type';
/** PatternHandler.EVENT */
const EVENT = 2;

/** `@MessagePattern`, `@EventPattern`, `@GrpcMethod` and what is made of them. */
export function isMessageHandler(method: AnyFunction): boolean {
  return Reflect.getMetadata(PATTERN, method) !== undefined;
}

/** Nobody waits for its answer. */
export function isEventHandler(method: AnyFunction): boolean {
  return Reflect.getMetadata(HANDLER_TYPE, method) === EVENT;
}
