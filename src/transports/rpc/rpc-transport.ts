import type { ExecutionContext } from '@nestjs/common';
import { asConnection, ConnectionWatch } from '../connection-watch.js';
import { inFormOf } from '../failure.js';
import { optionalPackage } from '../optional-package.js';
import { failurePayload, type LockFailure } from '../public-answer.js';
import type { CallerWatch, Refusal, Transport } from '../transport.js';

interface Microservices {
  readonly RpcException: new (error: object) => Error;
}

/** Of TCP, which alone of the transports with a context shows the connection of its client. */
interface TcpContext {
  getSocketRef?(): { readonly netSocket?: { readonly destroyed?: boolean } };
}

export const rpcTransport = {
  /** TCP and gRPC tell. Redis, NATS, MQTT, RMQ and Kafka have a broker between, which does not. */
  gone(context: ExecutionContext): CallerWatch | undefined {
    const grpcCall = context.getArgByIndex<{ cancelled?: boolean } | undefined>(2);
    const call = asConnection(grpcCall);
    if (call !== undefined)
      return ConnectionWatch.of(call, { event: 'cancelled', isGone: grpcCall?.cancelled === true }).call();
    const tcp = context.switchToRpc().getContext<TcpContext | undefined>();
    const socket = typeof tcp?.getSocketRef === 'function' ? tcp.getSocketRef().netSocket : undefined;
    const connection = asConnection(socket);
    if (connection === undefined) return undefined;
    return ConnectionWatch.of(connection, { event: 'close', isGone: socket?.destroyed === true }).call();
  },

  /** Nest's filter answers with what is in an RpcException, and logs nothing. */
  async failure(error: Refusal): Promise<Error> {
    const payload = rpcPayload(error);
    const exports = await optionalPackage<Microservices>('@nestjs/microservices');
    const form = exports === undefined ? new Error(payload.message) : new exports.RpcException(payload);
    return inFormOf(form, error);
  },
} satisfies Transport;

export function rpcPayload(error: Refusal): LockFailure & { status: 'error' } {
  return { status: 'error', ...failurePayload(error) };
}
