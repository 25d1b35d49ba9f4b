import type { ExecutionContext } from '@nestjs/common';
import { asConnection, ConnectionWatch } from '../connection-watch.js';
import { inFormOf } from '../failure.js';
import { failurePayload } from '../public-answer.js';
import { ResponseWatch } from '../response-watch.js';
import type { CallerWatch, Refusal, Transport } from '../transport.js';

/**
 * What drivers of Nest put into the context of a call: Apollo `req` and, if the application's own context function does, `res`; Mercurius
 * `reply`; graphql-ws `extra.socket`.
 */
interface CallContext {
  readonly extra?: { readonly socket?: unknown };
  readonly reply?: unknown;
  readonly res?: unknown;
  readonly req?: unknown;
}

/** Of Node, or of Fastify, which wraps both; Express links a request to its response. */
interface Wrapped {
  readonly raw?: unknown;
  readonly res?: unknown;
  readonly socket?: { readonly destroyed?: boolean };
}

export const graphqlTransport = {
  /** undefined: the application's own context function left all of them out. */
  gone(context: ExecutionContext): CallerWatch | undefined {
    const { extra, reply, res, req } = context.getArgByIndex<CallContext | undefined>(2) ?? {};
    const socket = asConnection(extra?.socket);
    if (socket !== undefined) {
      const isGone = Number((socket as { readyState?: number }).readyState) > 1; // closing, closed
      return ConnectionWatch.of(socket, { event: 'close', isGone }).call();
    }
    const request = rawOf(req);
    const response = asConnection(rawOf(reply)) ?? asConnection(rawOf(res)) ?? asConnection(request?.res);
    if (response !== undefined) return ResponseWatch.of(response);
    const connection = asConnection(request?.socket);
    const how = { event: 'close', isGone: request?.socket?.destroyed === true };
    return connection === undefined ? undefined : ConnectionWatch.of(connection, how).call();
  },

  /** graphql-js makes its own error of any that is thrown, with this text and these extensions: we need no package for it. */
  failure(error: Refusal): Error {
    const { message, ...extensions } = failurePayload(error);
    return inFormOf(Object.assign(new Error(message), { extensions }), error);
  },
} satisfies Transport;

function rawOf(given: unknown): Wrapped | undefined {
  const wrapped = given as Wrapped | undefined;
  return (wrapped?.raw as Wrapped | undefined) ?? wrapped;
}
