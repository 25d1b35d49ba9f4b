import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { LockManager, redisStore } from '../../../lib/index.js';
import type { HistoryEvent } from '../../support/history/check-history.js';
import { ServedTime } from '../../support/served-time.js';

export interface Leftovers {
  readonly url: string;
  readonly raw: Redis;
  readonly names: readonly string[];
  readonly prefix: string;
  /** By when every key must have ended. */
  readonly boundMs: number;
  /**
   * May those who wait no more stand in a queue? Processes that were killed, or waiters of a state that the server went back to. They stay until
   * somebody asks for that name, or for 90 s.
   */
  readonly ghosts: boolean;
}

/** Each key has an end; what is still there when it should long be gone is a leak. */
export async function leftoverKeys(options: Leftovers): Promise<string[]> {
  const left = await keysAfter(options);
  if (left.length === 0 || !options.ghosts) return left;
  const { url, prefix, names } = options;
  const locks = new LockManager({ store: redisStore({ url }), prefix, keepMs: 100 });
  for (const name of names) await locks.using(name, () => undefined);
  await locks.close();
  return keysAfter(options);
}

async function keysAfter({ raw, prefix, boundMs }: Leftovers): Promise<string[]> {
  const time = new ServedTime();
  try {
    for (;;) {
      // A limit that an operator has set stays.
      const left = (await raw.keys(`${prefix}:*`)).filter((key) => !key.endsWith(':l'));
      if (left.length === 0 || time.isOver(boundMs)) return left;
      await sleep(20);
    }
  } finally {
    time.stop();
  }
}

/** What a worker wrote down. The last line of one that was killed may be half of one. */
export function readHistory(file: string): HistoryEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.flatMap((line, n) => {
    if (line === '') return [];
    try {
      return [JSON.parse(line) as HistoryEvent];
    } catch (error) {
      if (n >= lines.length - 2) return [];
      throw error;
    }
  });
}
