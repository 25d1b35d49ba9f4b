import type { RedisClient } from './redis-client.js';

/** What of a client keeps a process alive: its socket, or the timer until it connects again. ioredis does not publish the latter. */
interface Handles {
  readonly stream?: Handle;
  readonly reconnectTimeout?: Handle | null;
}

interface Handle {
  ref?(): unknown;
  unref?(): unknown;
}

/**
 * Connections that nobody has used yet do not keep the process alive. An application that connects at its start and then fails to start is
 * closed by nobody (Nest closes what has started), and its process must end all the same. From the first use on they do, so that a
 * process that only waits for a lock lives on.
 */
export class RedisConnections {
  readonly #clients: RedisClient[] = [];
  #inUse = false;
  #preparing = false;

  add(client: RedisClient): RedisClient {
    this.#clients.push(client);
    for (const event of ['connect', 'reconnecting']) client.on(event, () => this.#settle(client));
    return client;
  }

  keepProcessAlive(): void {
    if (this.#inUse) return;
    this.#inUse = true;
    this.#settleAll();
  }

  /** While the caller waits for this, the process stays alive. */
  async prepare(work: () => Promise<void>): Promise<void> {
    this.#preparing = true;
    this.#settleAll();
    try {
      await work();
    } finally {
      this.#preparing = false;
      this.#settleAll();
    }
  }

  #settleAll(): void {
    for (const client of this.#clients) this.#settle(client);
  }

  #settle(client: RedisClient): void {
    const { stream, reconnectTimeout } = client as unknown as Handles;
    for (const handle of [stream, reconnectTimeout]) {
      if (this.#inUse || this.#preparing) handle?.ref?.();
      else handle?.unref?.();
    }
  }
}
