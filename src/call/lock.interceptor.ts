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
import { ResponseWatch } from '../transports/http/response-watch.js';
import { currentCallNote, type CallNote, runWithCallNote } from './call-note.js';
import { takeLock } from './locked-call.js';
import { lockedObservable } from './locked-observable.js';

const NOT_LOCKED = null;

/**
 * Locks HTTP handlers of `@Locked` around everything that runs below it: other interceptors, pipes, the handler, its streams. In
 * phase 'handler' it only tells the method's wrapper what the request holds and when the response is over.
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
    const spec = this.#specOf(context.getHandler());
    if (spec === NOT_LOCKED || context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const request = http.getRequest<RequestValues>();
    if (currentCallNote()?.request === request) return next.handle(); // we are registered twice
    const watch = ResponseWatch.of(http.getResponse());
    const note: CallNote = { spec, request, watch, taken: false };
    if (spec.phase === 'handler') return runWithCallNote(note, () => next.handle());
    return this.#lockAround(context, next, note);
  }

  #lockAround(context: ExecutionContext, next: CallHandler, note: CallNote): Observable<unknown> {
    const { spec, request, watch } = note;
    const { names, handlesResponse } = this.registry.method(spec, context.getClass(), 'request');
    return lockedObservable({
      watch,
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
