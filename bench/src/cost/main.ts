import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';

import { describeMachine, type Machine } from '../report/machine.js';
import { type BenchRedis, startRedis } from '../run/redis-server.js';
import { measureGrowth } from './growth.js';
import type { Measured } from './limits.js';
import { measureOperations } from './measure-operations.js';
import { fillPage } from './page.js';
import { costTables } from './tables.js';

const PAGE = fileURLToPath(new URL('../../../../docs/cost.md', import.meta.url));
const ROUNDS = 5;

function describe({ cores, cpu, node, redis, ioredis, date, load }: Machine): string {
  const busy = load > cores / 2 ? ` The machine was busy with other things (load ${load}).` : '';
  return `${date}: ${cores} cores (${cpu}), Node ${node}, Redis ${redis}, ioredis ${ioredis}.${busy}`;
}

async function measure(redis: BenchRedis): Promise<Measured> {
  const progress = (what: string): void => console.error(`${process.uptime().toFixed(0)} s  ${what}`);
  const operations = await measureOperations(redis, ROUNDS);
  progress('operations');
  return { operations, growth: await measureGrowth(redis, progress) };
}

const { write } = new Command('npm run bench -- cost')
  .description('Measures what each operation costs, and how cost grows. About three minutes.')
  .option('--write', 'puts the tables into docs/cost.md')
  .parse()
  .opts<{ write?: true }>();
const [load = 0] = loadavg();
const redis = await startRedis();
try {
  const tables = costTables(await measure(redis));
  const texts = { ...tables, machine: describe(describeMachine(redis.version, load)) };
  for (const [name, text] of Object.entries(texts)) console.log(`\n${name}\n\n${text}`);
  if (write) writeFileSync(PAGE, fillPage(readFileSync(PAGE, 'utf8'), texts));
} finally {
  await redis.stop();
}
