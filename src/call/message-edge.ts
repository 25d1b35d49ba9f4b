import 'reflect-metadata';
import type { NestInterceptor } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { specOf } from '../locked-spec.js';
import { type AnyFunction, methodOf } from '../template/locked-method.js';
import { isMessageHandler } from '../transports/rpc/message-handler.js';
import { rpcTransport } from '../transports/rpc/rpc-transport.js';
import { currentCallNote } from './call-note.js';
import { noteOfCall } from './transport-edge.js';

/** Nest's metadata key, the same in 11 and 12: what `@UseInterceptors` writes. */
const INTERCEPTORS = '__interceptors__';

/** Needs nothing of an application, so one serves all. Where our global interceptor runs as well, it has been here first. */
const edge: NestInterceptor = {
  intercept(context, next) {
    const spec = specOf(context.getHandler());
    if (spec === undefined || context.getType<string>() !== 'rpc' || currentCallNote()?.context === context)
      return next.handle();
    return noteOfCall({ context, transport: rpcTransport, exposeLockName: false }, spec, next);
  },
};

/**
 * Nest gives a microservice of a hybrid application none of its global interceptors, unless it is connected with `inheritAppConfig`. So
 * message handlers of `@Locked` get one of their own. Must run before `connectMicroservice`: while providers are made.
 */
export function reachMessageHandlers(container: ModulesContainer): void {
  const scanner = new MetadataScanner();
  for (const module of container.values()) {
    for (const { metatype } of module.controllers.values()) {
      if (typeof metatype !== 'function') continue;
      for (const name of scanner.getAllMethodNames(metatype.prototype as object))
        reach(methodOf(metatype, name));
    }
  }
}

function reach(method: unknown): void {
  if (specOf(method) === undefined || !isMessageHandler(method as AnyFunction)) return;
  const present = (Reflect.getMetadata(INTERCEPTORS, method as AnyFunction) ?? []) as readonly unknown[];
  if (!present.includes(edge))
    Reflect.defineMetadata(INTERCEPTORS, [edge, ...present], method as AnyFunction);
}
