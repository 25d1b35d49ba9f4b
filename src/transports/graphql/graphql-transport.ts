import type { ExecutionContext } from '@nestjs/common';
import { asConnection, ConnectionWatch } from '../connection-watch.js';
import { inFormOf } from '../failure.js';
import { failurePayload } from '../public-answer.js';
import { ResponseWatch } from '../response-watch.js';
import type { CallerWatch, Refusal, Transport } from '../transport.js';

/** What drivers of Nest put into the context of a call: Apollo `res`, Mercurius `reply`, graphql-ws `extra.socket`. */
interface CallContext {
  readonly res?: unknown;
  readonly reply?: { readonly raw?: unknown };
  readonly extra?: { readonly socket?: unknown };
}

export const graphqlTransport = {
  /** undefined: the application's own context function left all of them out. */
  gone(context: ExecutionContext): CallerWatch | undefined {
    const { res, reply, extra } = context.getArgByIndex<CallContext | undefined>(2) ?? {};
    const socket = asConnection(extra?.socket);
    if (socket !== undefined) {
      const isGone = Number((socket as { readyState?: number }).readyState) > 1; // closing, closed
      return ConnectionWatch.of(socket, { event: 'close', isGone }).call();
    }
    const raw = asConnection(reply?.raw) ?? asConnection(res) ?? asConnection((res as typeof reply)?.raw);
    return raw === undefined ? undefined : ResponseWatch.of(raw);
  },

  /** graphql-js makes its own error of any that is thrown, with this text and these extensions: we need no package for it. */
  failure(error: Refusal): Error {
    const { message, ...extensions } = failurePayload(error);
    return inFormOf(Object.assign(new Error(message), { extensions }), error);
  },
} satisfies Transport;
