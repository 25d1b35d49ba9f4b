import 'reflect-metadata';
import type { NestInterceptor } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { specOf } from '../locked-spec.js';
import { type AnyFunction, methodOf } from '../template/locked-method.js';
import { isMessageHandler } from '../transports/rpc/message-handler.js';
import { transportOf } from '../transports/transports.js';
import { isSubscriber } from '../transports/ws/subscriber.js';
import { currentCallNote } from './call-note.js';
import { noteOfCall, withFailuresOf } from './transport-edge.js';

/** Nest's metadata key, the same in 11 and 12: what `@UseInterceptors` writes. */
const INTERCEPTORS = '__interceptors__';

/** Needs nothing of an application, so one serves all. Where our global interceptor runs as well, it has been here first. */
const edge: NestInterceptor = {
  intercept(context, next) {
    const type = context.getType<string>();
    const transport = type === 'ws' || type === 'rpc' ? transportOf(type) : undefined; // a route of the same method has the global one
    if (transport === undefined || currentCallNote()?.context === context) return next.handle();
    const call = { context, transport, exposeLockName: false };
    const spec = specOf(context.getHandler());
    return spec === undefined ? withFailuresOf(call, next.handle()) : noteOfCall(call, spec, next);
  },
};

/**
 * Nest's global interceptors do not run everywhere: not for gateways in Nest 11, and not for the message handlers of a hybrid application,
 * unless it is connected with `inheritAppConfig`. So these handlers get one of their own. Must run while providers are made: gateways
 * are bound, and microservices connected, right after.
 */
export function reachHandlers(container: ModulesContainer): void {
  const scanner = new MetadataScanner();
  for (const { controllers, providers } of container.values()) {
    for (const { metatype } of [...controllers.values(), ...providers.values()]) {
      const prototype = (metatype as AnyFunction | null | undefined)?.prototype as object | undefined;
      if (prototype === undefined) continue; // a value, or an arrow function that makes one
      for (const name of scanner.getAllMethodNames(prototype)) reach(methodOf(metatype as AnyFunction, name));
    }
  }
}

function reach(method: unknown): void {
  if (typeof method !== 'function' || !(isMessageHandler(method) || isSubscriber(method))) return;
  const present = (Reflect.getMetadata(INTERCEPTORS, method) ?? []) as readonly unknown[];
  if (!present.includes(edge)) Reflect.defineMetadata(INTERCEPTORS, [edge, ...present], method);
}
