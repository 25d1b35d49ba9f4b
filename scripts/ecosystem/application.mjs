// The folder of an application below an installation: a manifest, our package beside the others, and sources.
import { spawnSync } from 'node:child_process';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRedisServer, HOW_TO_INSTALL_REDIS } from '../find-redis.mjs';
import { unpackInto } from '../pack-package.mjs';
import { installedCell, newRunFolder } from './installed-cell.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Helpers of test/support that need nothing else from the checkout. */
const SHARED_SUPPORT = ['failure-of.ts', 'in-time.ts', 'served-time.ts'];
/** Jest runs ES modules behind a flag. */
const JEST_FLAGS = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

/**
 * @param {{ nest: string, tarball: string, specs: string }} what `specs`: the folder of test/ecosystem that becomes the application's specs/
 * @returns {Promise<string>} its folder
 */
export async function makeApplication({ nest, tarball, specs }) {
  const app = await newRunFolder(await installedCell(nest));
  const source = (path) => join(ROOT, path);
  await cp(source(`test/ecosystem/${specs}`), join(app, 'specs'), { recursive: true });
  await cp(source('test/ecosystem/support'), join(app, 'support'), { recursive: true });
  for (const file of SHARED_SUPPORT) await cp(source(`test/support/${file}`), join(app, 'support', file));
  await cp(source('test/jest/ecosystem.config.mjs'), join(app, 'jest.config.mjs'));
  await cp(source('test/jest/ecosystem-vitest.config.mjs'), join(app, 'vitest.config.mjs'));
  await cp(source('test/ecosystem/tsconfig.json'), join(app, 'tsconfig.json'));
  const rules = JSON.parse(await readFile(source('.oxlintrc.json'), 'utf8'));
  await writeFile(join(app, '.oxlintrc.json'), JSON.stringify({ ...rules, ignorePatterns: [] }));
  // Nest 11 is CommonJS.
  const type = nest === '11' ? 'commonjs' : 'module';
  await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'application', private: true, type }));
  await unpackInto(tarball, join(app, 'node_modules/nestjs-distributed-lock'));
  return app;
}

export async function removeApplication(app, keep = false) {
  if (keep) console.log(`kept: ${app}`);
  else await rm(app, { recursive: true, force: true });
}

/** The arguments of Node that run Jest there. */
export function jestArguments(app) {
  return [
    ...JEST_FLAGS,
    join(app, '../../node_modules/jest/bin/jest.js'),
    '--config',
    join(app, 'jest.config.mjs'),
  ];
}

/** The arguments of Node that run Vitest there. */
export function vitestArguments(app) {
  return [
    join(app, '../../node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(app, 'vitest.config.mjs'),
  ];
}

/** The rules of the house and the compiler's, with the types of this Nest. */
export function isWellTyped(app) {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const args = [oxlint, '--quiet', 'specs', 'support'];
  return spawnSync(process.execPath, args, { cwd: app, stdio: 'inherit' }).status === 0;
}

/** What the specs read from their environment. Ends the process when no redis-server is found. */
export function environment(nest) {
  const redis = findRedisServer();
  if (redis === null) fail(HOW_TO_INSTALL_REDIS);
  return { ...process.env, ECOSYSTEM_NEST: nest, REDIS_SERVER_BIN: redis };
}

export function fail(message) {
  console.error(message);
  process.exit(1);
}
