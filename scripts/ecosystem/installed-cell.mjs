// An application on one Nest version, installed once from its committed lock file and shared by all runs of it on this machine.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CELLS = fileURLToPath(new URL('../../test/ecosystem/', import.meta.url));
const DAY_MS = 86_400_000;

export const NESTS = ['11', '12'];

/** Outside of the checkout: its `node_modules` must not be found from there. */
function cacheFolder() {
  const caches = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return process.env.ECOSYSTEM_CACHE ?? join(caches, 'nestjs-distributed-lock');
}

/**
 * @param {string} nest '11' or '12'
 * @returns {Promise<string>} a folder with `node_modules`, for reading only: others use it at the same time
 */
export async function installedCell(nest) {
  const source = join(CELLS, `nest${nest}`);
  const lock = await readFile(join(source, 'package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 12);
  const cell = join(cacheFolder(), `nest${nest}-${key}`);
  if (existsSync(cell)) return cell;
  await mkdir(cacheFolder(), { recursive: true });
  const half = await mkdtemp(join(cacheFolder(), 'installing-'));
  console.log(`Installing the packages of Nest ${nest} into ${cell} …`);
  for (const file of ['package.json', 'package-lock.json']) await cp(join(source, file), join(half, file));
  // No scripts: what they build or fetch is optional for each of these packages.
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync(npm, args, { cwd: half, stdio: 'inherit' });
  if (status !== 0) {
    await rm(half, { recursive: true, force: true });
    throw new Error(`npm ci of test/ecosystem/nest${nest} failed, its messages are above`);
  }
  await appear(half, cell);
  return cell;
}

/** Whole or not at all, also when two runs install at the same time. */
async function appear(half, cell) {
  await mkdir(join(half, 'runs'));
  try {
    await rename(half, cell);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    if (!existsSync(cell)) throw error;
  }
}

/**
 * A folder below the installation, so that packages are found by walking up, and ours can be put in for one run only.
 * @param {string} cell what {@link installedCell} gave
 * @returns {Promise<string>} an empty folder; its maker removes it
 */
export async function newRunFolder(cell) {
  const runs = join(cell, 'runs');
  for (const name of await readdir(runs)) {
    const left = join(runs, name);
    const { mtimeMs } = await stat(left).catch(() => ({ mtimeMs: Infinity }));
    // What a killed run left behind.
    if (Date.now() - mtimeMs > DAY_MS) await rm(left, { recursive: true, force: true });
  }
  return mkdtemp(join(runs, 'run-'));
}
