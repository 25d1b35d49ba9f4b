// The package as npm would publish it, built in a folder of its own: `dist` belongs to whoever works in the checkout.
import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
const execute = promisify(execFile);

/**
 * Builds as `npm run build` does, then packs. No network.
 * @param {string} folder an existing, empty folder; it keeps the build, too
 * @returns {Promise<string>} the path of the tarball
 */
export async function packPackage(folder) {
  const stage = join(folder, 'stage');
  await mkdir(stage);
  await build(stage);
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const { stdout } = await execute(npm, pack, { cwd: stage });
  return join(folder, stdout.trim());
}

/**
 * Unpacks a tarball as npm does.
 * @param {string} tarball
 * @param {string} folder where its files shall lie; it is made
 */
export async function unpackInto(tarball, folder) {
  await mkdir(folder, { recursive: true });
  await execute('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder]);
}

async function build(stage) {
  const dist = join(stage, 'dist');
  const node = (...args) => execute(process.execPath, args, { cwd: ROOT });
  await node(TSC, '-p', 'tsconfig.build.json', '--outDir', dist);
  await node(TSC, '-p', 'tsconfig.cjs.json', '--outDir', join(dist, 'cjs'));
  await node('scripts/mark-cjs.mjs', dist);
  for (const file of ['package.json', 'README.md', 'LICENSE']) await cp(join(ROOT, file), join(stage, file));
}
