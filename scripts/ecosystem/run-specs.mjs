/**
 * Runs test/ecosystem/specs against the packed package, in an application on Nest 11 (CommonJS) and one on Nest 12 (ES modules):
 * `npm run test:ecosystem [-- --nest 11|12] [--no-check] [--keep] [--tarball file] [what jest takes: spec patterns, -t 'name', …]`.
 * How to write such a spec: test/ecosystem/README.md.
 */
import { spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRedisServer, HOW_TO_INSTALL_REDIS } from '../find-redis.mjs';
import { packPackage, unpackInto } from '../pack-package.mjs';
import { installedCell, NESTS, newRunFolder } from './installed-cell.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Helpers of test/support that need nothing else from the checkout. */
const SHARED_SUPPORT = ['failure-of.ts', 'in-time.ts', 'served-time.ts'];

const { nests, check, keep, tarball: given, jestArgs } = readArguments(process.argv.slice(2));
const redis = findRedisServer();
if (redis === null) fail(HOW_TO_INSTALL_REDIS);

const packed = await mkdtemp(join(tmpdir(), 'packed-'));
try {
  const tarball = given ?? (await packPackage(packed));
  const failed = [];
  for (const nest of nests) {
    console.log(`\n=== Nest ${nest}`);
    if (!(await passes(nest, tarball))) failed.push(`Nest ${nest}`);
  }
  if (failed.length > 0) console.error(`\nfailed: ${failed.join(', ')}`);
  process.exitCode = failed.length === 0 ? 0 : 1;
} finally {
  await rm(packed, { recursive: true, force: true });
}

async function passes(nest, tarball) {
  const run = await newRunFolder(await installedCell(nest));
  try {
    await fill(run, nest, tarball);
    const checked = !check || isWellTyped(run);
    return runJest(run, nest) && checked;
  } finally {
    if (keep) console.log(`kept: ${run}`);
    else await rm(run, { recursive: true, force: true });
  }
}

/** What the folder of an application has: a manifest, a compiler's settings, sources, and our package beside the others. */
async function fill(run, nest, tarball) {
  const source = (path) => join(ROOT, path);
  for (const part of ['specs', 'support']) {
    await cp(source(`test/ecosystem/${part}`), join(run, part), { recursive: true });
  }
  for (const file of SHARED_SUPPORT) await cp(source(`test/support/${file}`), join(run, 'support', file));
  await cp(source('test/jest/ecosystem.config.mjs'), join(run, 'jest.config.mjs'));
  await cp(source('test/ecosystem/tsconfig.json'), join(run, 'tsconfig.json'));
  const rules = JSON.parse(await readFile(source('.oxlintrc.json'), 'utf8'));
  await writeFile(join(run, '.oxlintrc.json'), JSON.stringify({ ...rules, ignorePatterns: [] }));
  const type = nest === '11' ? 'commonjs' : 'module';
  await writeFile(join(run, 'package.json'), JSON.stringify({ name: 'application', private: true, type }));
  await unpackInto(tarball, join(run, 'node_modules/nestjs-distributed-lock'));
}

/** The rules of the house and the compiler's, with this Nest's types. */
function isWellTyped(run) {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint');
  const args = [oxlint, '--quiet', 'specs', 'support'];
  return spawnSync(process.execPath, args, { cwd: run, stdio: 'inherit' }).status === 0;
}

function runJest(run, nest) {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = [join(run, '../../node_modules/jest/bin/jest.js'), '--config', join(run, 'jest.config.mjs')];
  const env = { ...process.env, ECOSYSTEM_NEST: nest, REDIS_SERVER_BIN: redis };
  const { status } = spawnSync(process.execPath, [...flags, ...jest, ...jestArgs], {
    cwd: run,
    env,
    stdio: 'inherit',
  });
  return status === 0;
}

function readArguments(args) {
  const known = { nests: NESTS, check: true, keep: false, tarball: undefined, jestArgs: [] };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === '--nest') known.nests = [oneOf(rest.shift())];
    else if (arg === '--tarball') known.tarball = resolve(rest.shift() ?? fail('--tarball needs a file'));
    else if (arg === '--no-check') known.check = false;
    else if (arg === '--keep') known.keep = true;
    else known.jestArgs.push(arg);
  }
  return known;
}

function oneOf(nest) {
  return NESTS.includes(nest) ? nest : fail(`--nest is ${NESTS.join(' or ')}, not ${nest}`);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
