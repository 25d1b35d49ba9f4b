import { Redis } from 'ioredis';

/**
 * What the locks protect, on a server of its own that no fault touches: for each name the largest fencing token that wrote, and
 * how many writes were accepted. One atomic comparison, as in a SQL `UPDATE … WHERE fence <= :token`.
 */
const WRITE = `
local largest = redis.call('HGET', KEYS[1], 'fence')
if largest and tonumber(ARGV[1]) < tonumber(largest) then return false end
redis.call('HSET', KEYS[1], 'fence', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'version', 1)
`;

export class FencedResource {
  readonly #client: Redis;

  constructor(url: string) {
    this.#client = new Redis(url);
    this.#client.on('error', () => undefined);
  }

  async ready(): Promise<void> {
    await this.#client.ping();
  }

  /** The version that this write made, or null when a larger token has written before. */
  readonly write = async (name: string, fence: number): Promise<number | null> =>
    (await this.#client.eval(WRITE, 1, `resource:${name}`, fence)) as number | null;

  async read(name: string): Promise<{ fence: number; version: number } | undefined> {
    const { fence, version } = await this.#client.hgetall(`resource:${name}`);
    return fence === undefined ? undefined : { fence: Number(fence), version: Number(version) };
  }

  /** Everything from earlier runs. */
  async clear(): Promise<void> {
    await this.#client.flushall();
  }

  close(): void {
    this.#client.disconnect();
  }
}
