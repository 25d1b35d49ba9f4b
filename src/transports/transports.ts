import { graphqlTransport } from './graphql/graphql-transport.js';
import { httpTransport } from './http/http-transport.js';
import { rpcTransport } from './rpc/rpc-transport.js';
import type { Transport } from './transport.js';
import { wsTransport } from './ws/ws-transport.js';

/** By the type of Nest's execution context. */
const TRANSPORTS: Readonly<Record<string, Transport | undefined>> = {
  http: httpTransport,
  graphql: graphqlTransport,
  ws: wsTransport,
  rpc: rpcTransport,
};

/** undefined: a context of some other package (`necord`, `nestjs-telegraf`); locks work there, errors stay as they are. */
export function transportOf(type: string): Transport | undefined {
  return TRANSPORTS[type];
}
