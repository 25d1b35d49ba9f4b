import 'reflect-metadata';
import type { AnyFunction } from '../../template/locked-method.js';

/** Nest's metadata key, the same in 11 and 12 (`@nestjs/websockets/constants`). */
const SUBSCRIBER = 'websockets:message_mapping';

/** `@SubscribeMessage`: a handler of a gateway. */
export function isSubscriber(method: AnyFunction): boolean {
  return Reflect.getMetadata(SUBSCRIBER, method) === true;
}
