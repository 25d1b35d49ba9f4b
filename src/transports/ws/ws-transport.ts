import type { ExecutionContext } from '@nestjs/common';
import { asConnection, ConnectionWatch } from '../connection-watch.js';
import { inFormOf } from '../failure.js';
import { optionalPackage } from '../optional-package.js';
import { failurePayload, type LockFailure } from '../public-answer.js';
import type { CallerWatch, FailedCall, Refusal, Transport } from '../transport.js';

interface WebSockets {
  readonly WsException: new (error: object) => Error;
}

/** Of the package `ws`, or of socket.io. */
interface Client {
  /** A number: a native WebSocket. */
  readonly readyState?: unknown;
  /** socket.io. */
  readonly connected?: boolean;
  send?(text: string): unknown;
  emit?(event: string, payload: object): unknown;
  on?(event: 'exception', listener: (payload: object) => void): unknown;
}

export const wsTransport = {
  gone(context: ExecutionContext): CallerWatch | undefined {
    const client = clientOf(context);
    const connection = asConnection(client);
    if (connection === undefined) return undefined;
    const how = isNative(client)
      ? { event: 'close', isGone: client.readyState > 1 } // closing, closed
      : { event: 'disconnect', isGone: client.connected === false };
    return ConnectionWatch.of(connection, how).call();
  },

  /** Nest's filter sends what is in a WsException to the client, and logs nothing. */
  async failure(error: Refusal, { context }: FailedCall): Promise<Error> {
    const payload = wsPayload(error);
    const exports = await optionalPackage<WebSockets>('@nestjs/websockets');
    const form = exports === undefined ? new Error(payload.message) : new exports.WsException(payload);
    forwardToNative(clientOf(context), payload);
    return inFormOf(form, error);
  },
} satisfies Transport;

export function wsPayload(error: Refusal): LockFailure & { status: 'error' } {
  return { status: 'error', ...failurePayload(error) };
}

/** For filters, which are the last to see an error. */
export function sendFailure(client: object, error: Refusal): void {
  const payload = wsPayload(error);
  if (isNative(client)) client.send(JSON.stringify({ event: 'exception', data: payload }));
  else (client as Client).emit?.('exception', payload);
}

const ours = new WeakSet<object>();
const forwarding = new WeakSet<object>();

/**
 * Nest 11 answers a native WebSocket by `emit`, which there is only an event of this process, and the client waits for ever. Nest 12
 * sends, and emits nothing.
 */
function forwardToNative(client: Client, payload: object): void {
  if (!isNative(client)) return;
  ours.add(payload);
  if (forwarding.has(client)) return;
  forwarding.add(client);
  client.on?.('exception', (emitted) => {
    if (ours.delete(emitted)) client.send(JSON.stringify({ event: 'exception', data: emitted }));
  });
}

function clientOf(context: ExecutionContext): Client {
  return context.switchToWs().getClient<Client>();
}

function isNative(client: Client): client is Client & { readyState: number; send(text: string): unknown } {
  return typeof client.readyState === 'number' && typeof client.send === 'function';
}
