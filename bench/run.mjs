// `npm run bench`: brings everything up to date, then measures. Whatever is already fresh is left as it is.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findRedisServer, HOW_TO_INSTALL_REDIS } from '../scripts/find-redis.mjs';

const bench = dirname(fileURLToPath(import.meta.url));
const root = dirname(bench);
/** Where npm would put our library: the measured code is compiled, and found by its public name. */
const library = join(bench, 'node_modules/nestjs-distributed-lock');

/** `--library <folder>` measures a package that was built elsewhere, such as an older version; `--prepare-only` measures nothing. */
const args = process.argv.slice(2);
const givenLibrary = take('--library', true);
const prepareOnly = take('--prepare-only', false);
/** As the first word: what operations of the library cost (docs/cost.md), or its kinds of locks, instead of the comparison. */
const OWN_COSTS = { cost: 'dist/src/cost/main.js', kinds: 'dist/src/cost/kinds/main.js' };
const ownCosts = OWN_COSTS[args[0]];
if (ownCosts !== undefined) args.shift();

function take(option, hasValue) {
  const at = args.indexOf(option);
  return at === -1 ? undefined : args.splice(at, hasValue ? 2 : 1).at(-1);
}

function run(command, commandArgs, options = {}) {
  const { status } = spawnSync(command, commandArgs, { stdio: 'inherit', cwd: root, ...options });
  if (status !== 0) process.exit(status ?? 1);
}

/** When the newest of the files below was written, in ms; 0: there is none. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function install() {
  const installed = newest(join(bench, 'node_modules/.package-lock.json'));
  if (installed > newest(join(bench, 'package-lock.json'))) return;
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: bench });
}

const tsc = join(root, 'node_modules/.bin/tsc');

function buildLibrary() {
  const manifest = join(library, 'package.json');
  const sources = ['lib', 'src', 'package.json'].map((name) => join(root, name));
  const isForeign = existsSync(join(library, '.given'));
  if (!isForeign && newest(manifest) > Math.max(...sources.map(newest))) return;
  rmSync(library, { recursive: true, force: true });
  // A folder of our own, because `npm run build` removes dist/, which others may be using.
  run(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(library, 'dist')]);
  cpSync(join(root, 'package.json'), manifest);
}

function copyLibrary(folder) {
  rmSync(library, { recursive: true, force: true });
  for (const name of ['dist', 'package.json'])
    cpSync(join(folder, name), join(library, name), { recursive: true });
  cpSync(join(library, 'package.json'), join(library, '.given'));
}

if (!existsSync(tsc)) run('npm', ['ci']);
install();
if (givenLibrary === undefined) buildLibrary();
else copyLibrary(givenLibrary);
rmSync(join(bench, 'dist'), { recursive: true, force: true });
// What another version lacks it says itself when it is asked: not for the compiler to judge.
run(tsc, ['-p', 'bench/tsconfig.json', ...(givenLibrary === undefined ? [] : ['--noCheck'])]);

if (!prepareOnly) {
  const redis = findRedisServer();
  if (redis === null) throw new Error(HOW_TO_INSTALL_REDIS);
  const main = join(bench, ownCosts ?? 'dist/src/main.js');
  // Another package's figures are not this commit's.
  if (givenLibrary !== undefined && ownCosts === undefined && !args.includes('--out'))
    args.push('--out', join(bench, 'results/partial'));
  run(process.execPath, [main, ...args], { env: { ...process.env, REDIS_SERVER_BIN: redis } });
}
