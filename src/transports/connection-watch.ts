import { Stop } from '../../lib/index.js';
import { ClientGoneError } from './client-gone.js';
import type { CallerWatch } from './transport.js';

/** A connection, or a call, that says when its other side is gone. */
export interface Connection {
  once(event: string, listener: () => void): unknown;
}

const watches = new WeakMap<Connection, ConnectionWatch>();

/** Watches one connection, over which any number of calls come: one listener, whatever their number. */
export class ConnectionWatch {
  readonly #waits = new Set<Stop>();
  #gone: boolean;

  private constructor(connection: Connection, { event, isGone }: { event: string; isGone: boolean }) {
    this.#gone = isGone;
    if (!isGone) connection.once(event, () => this.#end());
  }

  /** @param how the event that tells, and whether it has come already */
  static of(connection: Connection, how: { event: string; isGone: boolean }): ConnectionWatch {
    let watch = watches.get(connection);
    if (watch === undefined) watches.set(connection, (watch = new ConnectionWatch(connection, how)));
    return watch;
  }

  /** One call; `end` must be called after its wait, because the connection lives on. */
  call(): CallerWatch {
    const own: Stop[] = [];
    return {
      endOfWait: () => {
        const stop = new Stop();
        if (this.#gone) stop.abort(new ClientGoneError());
        else this.#waits.add(stop);
        own.push(stop);
        return stop;
      },
      end: () => {
        for (const stop of own) this.#waits.delete(stop);
      },
    };
  }

  #end(): void {
    this.#gone = true;
    const waits = [...this.#waits];
    this.#waits.clear();
    for (const stop of waits) stop.abort(new ClientGoneError());
  }
}

/** undefined: this is nothing that one can listen to. */
export function asConnection(value: unknown): Connection | undefined {
  const { once } = (value ?? {}) as Partial<Connection>;
  return typeof once === 'function' ? (value as Connection) : undefined;
}
