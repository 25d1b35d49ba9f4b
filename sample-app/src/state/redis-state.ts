import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { Change, StateOptions } from './state.js';
import { StaleWriteError, State, UnfencedWriteError } from './state.js';

/**
 * Compare the token, then write: in one script, because between a check and a separate write the process could be stopped,
 * which is the very case that the check is for.
 *
 * KEYS[1] hash of the largest token per resource; KEYS[2…] the hash of each row's table
 * ARGV[1] resource; ARGV[2] fencing token, '' for none; then for each row its id and its JSON, '' removes the row
 * Reply: '' when written, else the larger token that has already written
 */
const WRITE_UNLESS_STALE = `
local resource, token = ARGV[1], ARGV[2]
if token ~= '' then
  local newest = redis.call('HGET', KEYS[1], resource)
  if newest and tonumber(token) < tonumber(newest) then return newest end
  redis.call('HSET', KEYS[1], resource, token)
end
for row = 2, #KEYS do
  local id, json = ARGV[row * 2 - 1], ARGV[row * 2]
  if json == '' then redis.call('HDEL', KEYS[row], id) else redis.call('HSET', KEYS[row], id, json) end
end
return ''
`;

/** Shared by all processes of the app: a table is a Redis hash of JSON rows. */
export class RedisState extends State {
  private readonly redis: Redis;

  constructor(
    url: string,
    private readonly options: StateOptions & { readonly prefix: string },
  ) {
    super();
    this.redis = new Redis(url, { maxRetriesPerRequest: 3 });
    const logger = new Logger('State');
    // Without a listener every failed attempt to connect is printed with its stack; the requests fail by themselves.
    this.redis.on('error', (error: Error) => logger.warn(`Redis connection of the state: ${error.message}`));
  }

  override async read<T extends object>(table: string, id: string): Promise<T | undefined> {
    const json = await this.redis.hget(this.key(table), id);
    return json === null ? undefined : (JSON.parse(json) as T);
  }

  override async list<T extends object>(table: string): Promise<T[]> {
    const rows = await this.redis.hvals(this.key(table));
    return rows.map((json) => JSON.parse(json) as T);
  }

  override async write({ resource, fencingToken, rows }: Change): Promise<void> {
    if (fencingToken === undefined && !this.options.acceptUnfenced) throw new UnfencedWriteError(resource);
    const keys = [this.key('fencing-tokens'), ...rows.map((row) => this.key(row.table))];
    const values = rows.flatMap(({ id, value }) => [id, value === null ? '' : JSON.stringify(value)]);
    const newest = await this.redis.eval(
      WRITE_UNLESS_STALE,
      keys.length,
      ...keys,
      resource,
      fencingToken ?? '',
      ...values,
    );
    if (newest !== '') throw new StaleWriteError(resource, Number(fencingToken), Number(newest));
  }

  override async onApplicationShutdown(): Promise<void> {
    await this.redis.quit().catch(() => this.redis.disconnect());
  }

  private key(table: string): string {
    return `${this.options.prefix}:${table}`;
  }
}
