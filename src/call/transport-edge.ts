import { type CallHandler, type ExecutionContext, Logger } from '@nestjs/common';
import { Observable } from 'rxjs';
import { type LockedSpec } from '../locked-spec.js';
import { originalOf } from '../transports/failure.js';
import { graphqlTransport } from '../transports/graphql/graphql-transport.js';
import { isFieldResolver } from '../transports/graphql/resolver.js';
import { logRefusal } from '../transports/log-refusal.js';
import { isEventHandler } from '../transports/rpc/message-handler.js';
import { isRefusal, type Transport } from '../transports/transport.js';
import { type CallNote, runWithCallNote } from './call-note.js';

const logger = new Logger('DistributedLock');

/** One call of a handler, as its transport brought it. */
export interface TransportCall {
  readonly context: ExecutionContext;
  readonly transport: Transport;
  readonly exposeLockName: boolean;
}

/** A call that the method's own wrapper locks: it is told when the caller has gone. */
export function noteOfCall(call: TransportCall, spec: LockedSpec, next: CallHandler): Observable<unknown> {
  const { context, transport } = call;
  const caller = transport.gone(context);
  const inForm = (error: unknown) => (isRefusal(error) ? failureIn(call, error) : error);
  const note: CallNote = {
    spec,
    context,
    request: undefined,
    watch: undefined,
    caller,
    inForm,
    taken: false,
  };
  return withFailuresOf(
    call,
    runWithCallNote(note, () => next.handle()),
  );
}

/** Passes everything on as it comes, and a refusal in the form of the transport. */
export function withFailuresOf(call: TransportCall, source: Observable<unknown>): Observable<unknown> {
  return new Observable((subscriber) => {
    const fail = (error: unknown) => subscriber.error(error);
    return source.subscribe({
      next: (value) => subscriber.next(value),
      error: (error: unknown) => {
        if (!isRefusal(error)) {
          fail(error);
          return;
        }
        const failure = failureIn(call, error);
        if ('then' in failure) failure.then(fail, fail);
        else fail(failure);
      },
      complete: () => subscriber.complete(),
    });
  });
}

/**
 * What a method throws that no interceptor is round: GraphQL runs field resolvers without, unless `fieldResolverEnhancers` asks for them, and
 * would show clients our message.
 */
export function failureOfMethod(method: unknown, error: unknown): unknown {
  if (typeof method !== 'function' || !isFieldResolver(method) || !isRefusal(error)) return error;
  if (originalOf(error) !== error) return error;
  logRefusal(logger, error);
  return graphqlTransport.failure(error);
}

/** Told once: what comes in the form of a transport already has been through here. */
function failureIn(
  { context, transport, exposeLockName }: TransportCall,
  error: Parameters<Transport['failure']>[0],
): Error | Promise<Error> {
  if (originalOf(error) !== error) return error;
  const handler = context.getHandler();
  const dropped = isEventHandler(handler)
    ? { handler: `${context.getClass().name}.${handler.name}` }
    : undefined;
  logRefusal(logger, error, dropped);
  return transport.failure(error, { context, exposeLockName });
}
