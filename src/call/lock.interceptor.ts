import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Observable } from 'rxjs';
import type { LockService } from '../lock.service.js';
import { LOCK_REGISTRY } from '../lock.tokens.js';
import { type LockedSpec, specOf } from '../locked-spec.js';
import type { LockRegistry } from '../startup/lock.registry.js';
import { serviceIn } from '../startup/service-slot.js';
import type { RequestValues } from '../template/locked-method.js';
import { httpTransport } from '../transports/http/http-transport.js';
import { transportOf } from '../transports/transports.js';
import { currentCallNote, type CallNote, runWithCallNote } from './call-note.js';
import { takeLock } from './locked-call.js';
import { lockedObservable } from './locked-observable.js';
import { noteOfCall, withFailuresOf } from './transport-edge.js';

const NOT_LOCKED = null;

/**
 * Runs round the handlers of HTTP, GraphQL, gateways and microservices. It locks HTTP handlers of `@Locked` around everything that runs
 * below it: other interceptors, pipes, the handler, its streams. Elsewhere, and in phase 'handler', it only tells the method's wrapper what
 * the request holds and when the caller has gone. An error of a lock leaves it in the form that the transport expects.
 */
@Injectable()
export class LockInterceptor implements NestInterceptor {
  readonly #services = new Map<string, LockService>();
  /** Of each handler that was called, locked or not: reading metadata costs more than the rest of a handler without a lock. */
  readonly #specs = new WeakMap<object, LockedSpec | typeof NOT_LOCKED>();

  constructor(
    @Inject(LOCK_REGISTRY) private readonly registry: LockRegistry,
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const transport = transportOf(context.getType());
    if (transport === undefined || currentCallNote()?.context === context) return next.handle(); // we are registered twice
    const call = { context, transport, exposeLockName: this.registry.exposeLockName };
    const spec = this.#specOf(context.getHandler());
    if (spec === NOT_LOCKED) return withFailuresOf(call, next.handle());
    if (transport !== httpTransport) return noteOfCall(call, spec, next);
    const watch = httpTransport.gone(context);
    const request = context.switchToHttp().getRequest<RequestValues>();
    const inForm = (error: unknown) => error;
    const note: CallNote = { spec, context, request, watch, caller: watch, inForm, taken: false };
    if (spec.phase === 'handler')
      return withFailuresOf(
        call,
        runWithCallNote(note, () => next.handle()),
      );
    return withFailuresOf(call, this.#lockAround(next, note, context));
  }

  #lockAround(next: CallHandler, note: CallNote, context: ExecutionContext): Observable<unknown> {
    const { spec, request = {}, watch, caller } = note;
    const { names, handlesResponse } = this.registry.method(spec, context.getClass(), 'request');
    return lockedObservable({
      watch,
      caller,
      acquire: (signal) => takeLock(this.#service(spec), spec, { names: names.fromRequest(request), signal }),
      start: (lease, openWork) => {
        note.held = { lease, openWork };
        if (handlesResponse) openWork.retainUntilClosed();
        return runWithCallNote(note, () => next.handle());
      },
      onClose: (stop) => stopWhenSettled(note, stop),
    });
  }

  #specOf(handler: object): LockedSpec | typeof NOT_LOCKED {
    let spec = this.#specs.get(handler);
    if (spec === undefined) this.#specs.set(handler, (spec = specOf(handler) ?? NOT_LOCKED));
    return spec;
  }

  /** Nest looks through all modules for it; the answer is the same for each request. */
  #service(spec: LockedSpec): LockService {
    let service = this.#services.get(spec.serviceName);
    if (service === undefined)
      this.#services.set(spec.serviceName, (service = serviceIn(this.moduleRef, spec)));
    return service;
  }
}

/**
 * A response that is closed ends an Observable of the handler, but never a promise: a transaction that an interceptor opened
 * below us must still commit or roll back under the lock.
 */
function stopWhenSettled(note: CallNote, stop: () => void): void {
  const stopObservable = () => {
    if (note.observable === true) stop();
  };
  note.onSettled = stopObservable;
  stopObservable();
}
