import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { startRedis } from './redis-server.js';

export function hasCallgrind(): boolean {
  return spawnSync('valgrind', ['--version']).status === 0;
}

/** Instructions that a Redis of its own executes from its start to its end. */
export async function countInstructions(work: (url: string) => Promise<unknown>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-callgrind-'));
  const file = join(folder, 'counted');
  try {
    const redis = await startRedis({
      under: ['valgrind', '--quiet', '--tool=callgrind', `--callgrind-out-file=${file}`],
      settings: ['--hz', '1'], // as little as possible that time causes
      stopWith: 'SIGTERM', // only then it writes its counts
    });
    try {
      await work(redis.url);
    } finally {
      await redis.stop();
    }
    const counted = /^(?:summary|totals): (\d+)/m.exec(readFileSync(file, 'utf8'))?.[1];
    if (counted === undefined) throw new Error('callgrind has not counted');
    return Number(counted);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
