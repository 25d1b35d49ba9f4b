import { createConnection, createServer, type Server, type Socket } from 'node:net';

import { systemClock, type Clock } from '../runtime/clock.js';
import { Faults, type ArmedFault, type FaultProxyMode } from './faults.js';
import { ProxiedConnection } from './proxied-connection.js';

export type { ArmedFault, ConnectionFault, FaultProxyMode } from './faults.js';

/**
 * A TCP proxy that misbehaves on demand, between a client and a real server: the way to see what a lost reply, a cut or a
 * silent connection does to a lock. Listens on a free port of 127.0.0.1; knows nothing of the protocol inside.
 */
export class FaultProxy {
  readonly port: number;
  readonly #faults: Faults;
  readonly #connections = new Set<ProxiedConnection>();

  private constructor(
    private readonly server: Server,
    private readonly target: { readonly host: string; readonly port: number },
    clock: Clock,
  ) {
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    this.#faults = new Faults(clock);
    server.on('connection', (client: Socket) => this.#accept(client));
  }

  static async listen(
    target: { readonly host: string; readonly port: number },
    options: { readonly clock?: Clock } = {},
  ): Promise<FaultProxy> {
    // Half-open, so that each side's end is passed on by itself, and only when the mode lets it.
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FaultProxy(server, target, options.clock ?? systemClock);
  }

  /** For Redis clients. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** How many connections are not over yet, on one side or both. */
  get connections(): number {
    return this.#connections.size;
  }

  get mode(): FaultProxyMode {
    return this.#faults.mode;
  }

  set mode(mode: FaultProxyMode) {
    this.#faults.mode = mode;
    for (const connection of this.#connections) connection.modeChanged();
  }

  /** Added to the way of requests, in ms; bytes keep their order. Default 0. */
  get delayUpMs(): number {
    return this.#faults.delayUpMs;
  }

  set delayUpMs(delayMs: number) {
    this.#faults.delayUpMs = delayMs;
  }

  /** Added to the way of replies, in ms; bytes keep their order. Default 0. */
  get delayDownMs(): number {
    return this.#faults.delayDownMs;
  }

  set delayDownMs(delayMs: number) {
    this.#faults.delayDownMs = delayMs;
  }

  /**
   * Resolves when the fault has struck as often as asked for: for the faults of a reply, when the server has answered. Of
   * several armed faults the oldest that matches strikes.
   */
  arm(fault: ArmedFault): Promise<void> {
    return this.#faults.arm(fault);
  }

  /** Forgets the faults that no request has triggered yet; their promises stay pending. */
  disarm(): void {
    this.#faults.disarm();
  }

  /** Resets every connection, as a server does that is killed. New ones are accepted. */
  cutAll(): void {
    for (const connection of this.#connections) connection.cut();
    this.#connections.clear();
  }

  /** Resets every connection and stops listening. Idempotent. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.cutAll();
    await closed;
  }

  #accept(client: Socket): void {
    if (this.mode === 'refuse') {
      client.on('error', () => {});
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ ...this.target, allowHalfOpen: true, noDelay: true });
    const connection = new ProxiedConnection(this.#faults, client, upstream);
    this.#connections.add(connection);
    const forget = (): void => {
      // Not before both sides are gone: the end of one may still have to be told to the other.
      if (client.closed && upstream.closed) this.#connections.delete(connection);
    };
    client.once('close', forget);
    upstream.once('close', forget);
  }
}
