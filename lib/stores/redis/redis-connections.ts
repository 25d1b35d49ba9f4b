import type { RedisClient } from './redis-client.js';

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
    for (const handle of handlesOf(client)) {
      if (this.#inUse || this.#preparing) handle?.ref?.();
      else handle?.unref?.();
    }
  }
}

/** What of a client keeps a process alive: its socket, or the timer until it connects again, which ioredis does not publish. */
function handlesOf(client: RedisClient): (Handle | null | undefined)[] {
  const handles = client as unknown as Record<string, Handle | null | undefined>;
  return [handles['stream'], handles['reconnectTimeout']];
}
