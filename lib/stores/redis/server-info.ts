import type { RedisClient } from './redis-client.js';

/** What INFO says, by field. */
export type ServerInfo = ReadonlyMap<string, string>;

/** @throws what the client or the server answers */
export async function readInfo(client: RedisClient): Promise<ServerInfo> {
  const info = await client.info();
  // A transformer for the replies of INFO, of which ioredis has one for the whole process, may have made an object of it.
  if (typeof info === 'object' && info !== null)
    return new Map(Object.entries(info).map(([field, value]) => [field, String(value)]));
  const lines = String(info).split('\r\n');
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** Which server process it is; another one after a restart or a fail-over. undefined: it does not say. */
export function runIdOf(info: ServerInfo): string | undefined {
  return info.get('run_id');
}
