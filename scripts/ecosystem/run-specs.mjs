/**
 * Runs test/ecosystem/specs against the packed package, in an application on Nest 11 (CommonJS) and one on Nest 12 (ES modules):
 * `npm run test:ecosystem [-- --nest 11|12] [--no-check] [--keep] [--tarball file] [--results folder] [what jest takes: patterns, -t 'name', …]`.
 * How to write such a spec: test/ecosystem/README.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { packPackage } from '../pack-package.mjs';
import * as application from './application.mjs';
import { NESTS } from './installed-cell.mjs';

const { nests, check, keep, tarball: given, results, jestArgs } = readArguments(process.argv.slice(2));
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
  const app = await application.makeApplication({ nest, tarball, specs: 'specs' });
  try {
    const checked = !check || application.isWellTyped(app);
    const output =
      results === undefined ? [] : ['--json', '--outputFile', join(results, `ecosystem-${nest}.json`)];
    const jest = runs(app, nest, [...application.jestArguments(app), ...output, ...jestArgs]);
    const files = await vitestFiles(app);
    const vitest = files.length === 0 || runs(app, nest, [...application.vitestArguments(app), ...files]);
    return checked && jest && vitest;
  } finally {
    await application.removeApplication(app, keep);
  }
}

function runs(cwd, nest, args) {
  const env = application.environment(nest);
  return spawnSync(process.execPath, args, { cwd, env, stdio: 'inherit' }).status === 0;
}

/** Those of the patterns, or all. Options are Jest's only: with `-t` and the like Vitest is left out. */
async function vitestFiles(app) {
  if (jestArgs.some((arg) => arg.startsWith('-'))) return [];
  const files = (await readdir(join(app, 'specs'))).filter((file) => file.endsWith('.vitest.ts'));
  return files.filter((file) => jestArgs.length === 0 || jestArgs.some((pattern) => file.includes(pattern)));
}

function readArguments(args) {
  const known = { nests: NESTS, check: true, keep: false, jestArgs: [] };
  const rest = [...args];
  const path = (option) => resolve(rest.shift() ?? application.fail(`${option} needs a path`));
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === '--nest') known.nests = [oneOf(rest.shift())];
    else if (arg === '--tarball') known.tarball = path(arg);
    else if (arg === '--results') known.results = path(arg);
    else if (arg === '--no-check') known.check = false;
    else if (arg === '--keep') known.keep = true;
    else known.jestArgs.push(arg);
  }
  return known;
}

function oneOf(nest) {
  return NESTS.includes(nest) ? nest : application.fail(`--nest is ${NESTS.join(' or ')}, not ${nest}`);
}
