import { deepStrictEqual } from 'node:assert';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { EXPECTED, story } from './story.js';

/** The application as a process of its own; it must end by itself. */
async function main(): Promise<void> {
  deepStrictEqual(await story(), EXPECTED);
  // The client that the package itself finds, not only the application.
  const ours = createRequire(join(process.cwd(), 'node_modules/nestjs-distributed-lock/package.json'));
  const folder = dirname(dirname(ours.resolve('ioredis')));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  deepStrictEqual(version.split('.')[0], process.env['IOREDIS']);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
