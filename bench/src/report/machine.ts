import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What a reader needs to compare figures; nothing that says whose machine it was. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly node: string;
  readonly redis: string;
  readonly ioredis: string;
  readonly date: string;
  /** Before the run began: processes that wanted to run, on average over a minute. What is not near 0 is in the figures. */
  readonly load: number;
}

export function describeMachine(redisVersion: string, load: number): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? 'unknown',
    node: process.versions.node,
    redis: redisVersion,
    ioredis: versionOf('ioredis'),
    load: Math.round(load * 10) / 10,
    date: new Date().toISOString().slice(0, 10),
  };
}

/** '' for code of our own. Read as a file: many packages do not export their manifest. */
export function versionOf(packageName: string): string {
  if (packageName === '') return '';
  const manifest = fileURLToPath(
    new URL(`../../../node_modules/${packageName}/package.json`, import.meta.url),
  );
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return version.replace(/^v/, '');
}
